-- The texts of ms.help, of what the public names say of themselves: a paragraph a line.
local words = require("script.reference.words")

local texts = {}

local function help_text(entry)
  local lines = {}
  local function add(text, indent)
    lines[#lines + 1] = (indent or "  ") .. words.plain(text):gsub("%s+", " ")
  end
  if entry.kind == "function" then
    local doc = entry.doc
    add(words.signature(entry) .. (doc["return"] and " -> " .. doc["return"] or ""), "")
    add(words.sentence(doc.text))
    for _, param in ipairs(doc.params) do
      add(("%s: %s"):format(param.name, param.said ~= "" and param.said or "any"), "    ")
    end
    if doc.raise then
      add(words.sentence("raises " .. doc.raise))
    end
  elseif entry.kind == "field" then
    add(("%s: %s"):format(entry.name, words.field_type(entry.field):gsub("`", "")), "")
    add(words.sentence(entry.field.text ~= "" and entry.field.text or entry.field.name))
  elseif entry.kind == "value" then
    add(entry.name, "")
    add(words.sentence(entry.doc.text))
  else
    local default = words.shown_default(entry.row):gsub("`", "")
    add(("option %s: %s%s"):format(entry.name, words.type_words(entry.row.type):gsub("`", ""),
      default ~= "" and ", default " .. default or ""), "")
    add((words.sentence(entry.row.doc):gsub("`", "")))
  end
  return table.concat(lines, "\n")
end

--- The file that ms.help reads: a text behind a "# " for each name, which begins with the name.
-- Of functions that are told alike the first has the text, and the others say "NAME as FIRST".
function texts.file(entries)
  local lines, first = { "-- Written by script/docs: what ms.help tells.", "return [==[" }, {}
  for _, entry in ipairs(entries) do
    local text = help_text(entry)
    if entry.kind == "function" then
      local rest = text:sub(#entry.name + 1)
      text = first[rest] and ("%s as %s"):format(entry.name, first[rest]) or text
      first[rest] = first[rest] or entry.name
    end
    lines[#lines + 1] = "# " .. text
  end
  lines[#lines + 1] = "]==]"
  return table.concat(lines, "\n") .. "\n"
end

return texts

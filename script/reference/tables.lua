-- Tables of docs/, of what the public names say of themselves (public.lua).
local words = require("script.reference.words")

local function cell(text)
  return (text:gsub("|", "\\|"))
end

local function row_of(...)
  return "| " .. cell(table.concat({ ... }, "\0")):gsub("%z", " | "):gsub("  ", " ") .. " |"
end

local function returns(doc)
  return ((doc["return"] or ""):gsub("nil, err", "`nil, err`"))
end

local function call_text(doc)
  local parts = { words.sentence(doc.text) }
  for _, param in ipairs(doc.params) do
    if param.text ~= "" then
      local text = words.parameter_text(param)
      parts[#parts + 1] = words.sentence(("`%s`: %s"):format(param.name, text))
    end
  end
  if doc.raise then
    parts[#parts + 1] = words.sentence("raises " .. doc.raise)
  end
  return table.concat(parts, " ")
end

local kinds = {}

-- Methods of a class, behind the function that makes one.
function kinds.methods(entries, class)
  local lines = { "| call | returns | |", "|---|---|---|" }
  local function add(entry)
    lines[#lines + 1] = row_of("`" .. words.signature(entry) .. "`", returns(entry.doc),
      call_text(entry.doc))
  end
  for _, entry in ipairs(entries) do
    if entry.class == "multisock.core" and entry.makes == class then
      add(entry)
    end
  end
  for _, entry in ipairs(entries) do
    if entry.class == class and entry.kind == "function" then
      add(entry)
    end
  end
  return lines
end

function kinds.fields(entries, class)
  local lines = { "| field | type | |", "|---|---|---|" }
  for _, entry in ipairs(entries) do
    if entry.class == class and entry.kind == "field" then
      local field = entry.field
      lines[#lines + 1] = row_of("`" .. field.name .. "`", words.field_type(field), field.text)
    end
  end
  return lines
end

-- Functions and values of a module that make none of its objects.
function kinds.functions(entries, class)
  local lines = { "| call | returns | |", "|---|---|---|" }
  for _, entry in ipairs(entries) do
    if entry.class == class and not entry.makes and entry.kind ~= "option" then
      lines[#lines + 1] = row_of("`" .. words.signature(entry) .. "`", returns(entry.doc),
        call_text(entry.doc))
    end
  end
  return lines
end

function kinds.options(entries, class, prefix)
  local lines = { "| option | type | default | |", "|---|---|---|---|" }
  for _, entry in ipairs(entries) do
    local inner = entry.name:match("^(.*)%.")
    if entry.kind == "option" and entry.class == class and (prefix == "" or inner == prefix) then
      local row = entry.row
      lines[#lines + 1] = row_of("`" .. (prefix == "" and entry.name or entry.name:match("[^.]+$"))
        .. "`", words.type_words(row.type), words.shown_default(row), row.doc)
    end
  end
  return lines
end

local tables = {}

--- A page with its tables: each stands between `<!-- generated: KIND CLASS -->` and
-- `<!-- end -->`.
function tables.page(text, entries)
  return (text:gsub("(<!%-%- generated: (%l+) ([%w.]+) ?([%w_.]*) %-%->\n).-(<!%-%- end %-%->)",
    function(first, kind, class, prefix, last)
      local lines = assert(kinds[kind], kind)(entries, class, prefix)
      assert(#lines > 2, "no " .. kind .. " of " .. class)
      return first .. "\n" .. table.concat(lines, "\n") .. "\n\n" .. last
    end))
end

return tables

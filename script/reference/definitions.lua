-- Definitions for lua-language-server, of what the public names say of themselves.
local comments = require("script.reference.comments")
local words = require("script.reference.words")

local definitions = {}

local function add_comment(lines, text)
  if text and text ~= "" then
    lines[#lines + 1] = "---" .. words.plain(text)
  end
end

local function add_function(lines, entry, owner)
  local doc, names = entry.doc, {}
  add_comment(lines, words.sentence(doc.text))
  if doc.raise then
    add_comment(lines, words.sentence("raises " .. doc.raise))
  end
  for _, param in ipairs(doc.params) do
    names[#names + 1] = param.name
    lines[#lines + 1] = (("---@param %s%s %s %s"):format(param.name, param.optional and "?" or "",
      param.type or "any", param.text):gsub(" +$", ""))
  end
  for i, type_ in ipairs(comments.return_types(doc["return"] or "")) do
    lines[#lines + 1] = "---@return " .. (type_ == "..." and "any ..." or type_)
      .. (i == 1 and " # " .. doc["return"] or "")
  end
  lines[#lines + 1] = ("function %s(%s) end\n"):format(owner .. entry.name:match("[.:][%w_]+$"),
    table.concat(names, ", "))
end

local function add_field(lines, name, type_, optional, text)
  lines[#lines + 1] = (("---@field %s%s %s %s"):format(name, optional and "?" or "", type_,
    words.plain(text)):gsub(" +$", ""))
end

-- Of LuaLS a class is a table, and its methods are functions in it.
local function add_class(lines, class, entries, parent)
  local methods, variable = {}, class:gsub("%.", "_")
  lines[#lines + 1] = "---@class " .. class .. (parent and ": " .. parent or "")
  for _, entry in ipairs(entries) do
    if entry.class == class then
      if entry.kind == "field" then
        local field = entry.field
        add_field(lines, field.name, field.type, field.optional, field.text)
      elseif entry.kind == "option" then
        add_field(lines, entry.name:match("[^.]+$"), entry.row.type, true, entry.row.doc)
      elseif entry.kind == "value" then
        local types = comments.return_types(entry.doc["return"] or "")
        add_field(lines, entry.name:match("[^.]+$"), types[1] or "any", false, entry.doc.text)
      else
        methods[#methods + 1] = entry
      end
    end
  end
  if class == "multisock.Headers" then
    lines[#lines + 1] = "---@field [string] string?"
  end
  if #methods > 0 then
    lines[#lines + 1] = "local " .. variable .. " = {}\n"
    for _, entry in ipairs(methods) do
      add_function(lines, entry, variable)
    end
  else
    lines[#lines + 1] = ""
  end
  return variable
end

-- What takes all request options, and more.
local EXTENDED = {
  ["multisock.ClientOptions"] = "multisock.Options",
  ["multisock.DownloadOptions"] = "multisock.Options",
  ["multisock.EventSourceOptions"] = "multisock.Options",
  ["multisock.WebSocketOptions"] = "multisock.Options",
}

--- The definitions of one module, for editors.
-- @param module "multisock" or "multisock.core" @param constants list of names
-- @return string
function definitions.text(entries, module, constants)
  local lines = {
    "---@meta " .. module, "-- Written by script/docs, for lua-language-server.", "",
  }
  local seen, is_low = {}, module == "multisock.core"
  for _, entry in ipairs(entries) do
    local class = entry.class
    if class ~= module and not seen[class]
      and (class:find("^multisock%.core") ~= nil) == is_low then
      seen[class] = true
      add_class(lines, class, entries, EXTENDED[class])
    end
  end
  local variable = add_class(lines, module, entries)
  for _, name in ipairs(constants or {}) do
    lines[#lines + 1] = ("---@type integer\n%s.%s = 0"):format(variable, name)
  end
  lines[#lines + 1] = "return " .. variable
  return table.concat(lines, "\n") .. "\n"
end

return definitions

-- Words for what a public name is: its signature, its type, its default.
local words = {}

-- "url[, options]": of two optional ones that follow, the second needs the first.
local function parameters(doc)
  local text, depth = "", 0
  for i, param in ipairs(doc.params) do
    local comma = i > 1 and ", " or ""
    if param.optional then
      text, depth = text .. "[" .. comma .. param.name, depth + 1
    else
      text = text .. ("]"):rep(depth) .. comma .. param.name
      depth = 0
    end
  end
  return "(" .. text .. ("]"):rep(depth) .. ")"
end

function words.signature(entry)
  return entry.name .. (entry.kind == "function" and parameters(entry.doc) or "")
end

-- Types that have a page's section of their own.
local NAMED = { Headers = "headers", Response = "response", Error = "err" }

-- Types for people: 'string[]|false' -> "list of strings or false".
function words.type_words(type_)
  local text = type_:gsub("table%b<>", "table"):gsub("fun%b():? ?[%w_.?, ]*", "function")
    :gsub("multisock%.(%w+)", function(name) return NAMED[name] or "table" end)
    :gsub("(%l+)%[%]", "list of %1s"):gsub("file%*", "open file")
    :gsub('("[^"]*")', "`%1`"):gsub("`|`", " "):gsub("|", " or ")
  return text
end

function words.field_type(field)
  local text = words.type_words(field.type)
  return text .. (field.optional and text ~= "any" and " or nil" or "")
end

-- What a parameter is, with its type in code where that is no word.
function words.parameter_text(param)
  if param.said:find("^fun%(") or param.said:find("^{") then
    return ("`%s` %s"):format(param.type, param.text)
  end
  local first, rest = param.said:match("^(%S*)(.*)$")
  return first:gsub("string%[%]", "list of strings"):gsub("|", " or ") .. rest
end

function words.shown_default(row)
  if row.shown then
    return row.shown
  elseif row.default == nil then
    return ""
  elseif type(row.default) == "table" then
    return '`{"' .. table.concat(row.default, '", "') .. '"}`'
  elseif type(row.default) == "string" then
    return ('`"%s"`'):format(row.default)
  end
  return ("`%s`"):format(tostring(row.default))
end

-- Without the links of a page.
function words.plain(text)
  return (text:gsub("%[([^%]]+)%]%([^)]*%)", "%1"))
end

function words.sentence(text)
  text = text:gsub("^%l", string.upper)
  return text:find("[.!?]$") and text or text .. "."
end

return words

-- The text of a multipart/form-data body, as libcurl's old form interface gave
-- it to programs that asked. What is sent is made by libcurl.
local multipart = {}

--- The type of a file of which nothing is known.
multipart.DEFAULT_TYPE = "application/octet-stream"

-- Those that libcurl knows, by the end of the name.
local types = {
  gif = "image/gif", jpg = "image/jpeg", jpeg = "image/jpeg", png = "image/png",
  svg = "image/svg+xml", txt = "text/plain", htm = "text/html", html = "text/html",
  pdf = "application/pdf", xml = "application/xml",
}

--- The type that libcurl gives a file of this name, or nil.
function multipart.type_of(filename)
  local ending = filename:match("%.(%w+)$")
  return ending and types[ending:lower()]
end

local escapes = { ['"'] = "%22", ["\r"] = "%0D", ["\n"] = "%0A" }

local function quoted(text)
  return '"' .. text:gsub('["\r\n]', escapes) .. '"'
end

local function new_boundary()
  local digits = {}
  for i = 1, 16 do
    digits[i] = ("%x"):format(math.random(0, 15))
  end
  return ("-"):rep(24) .. table.concat(digits)
end

local function read_file(path)
  local file, err = io.open(path, "rb")
  if not file then
    return nil, err
  end
  local text
  text, err = file:read("*a")
  file:close()
  return text, err
end

local encode_parts

local function content_of(part, boundary)
  if part.subparts then
    return encode_parts(part.subparts, boundary, "attachment")
  elseif part.file then
    return read_file(part.file)
  end
  return part.data or ""
end

local function header_of(part, disposition, boundary)
  local line = "Content-Disposition: " .. disposition
  if part.name then
    line = line .. "; name=" .. quoted(part.name)
  end
  local filename = part.filename or (part.file and part.file:match("^.*/(.*)$") or part.file)
  if filename then
    line = line .. "; filename=" .. quoted(filename)
  end
  local lines = { line }
  if part.type then
    lines[2] = "Content-Type: " .. part.type
    if part.subparts then
      lines[2] = lines[2] .. "; boundary=" .. boundary
    end
  end
  for _, header in ipairs(part.headers or {}) do
    lines[#lines + 1] = header
  end
  return table.concat(lines, "\r\n")
end

function encode_parts(parts, boundary, disposition)
  local out = {}
  for _, part in ipairs(parts) do
    local inner = part.subparts and new_boundary()
    local content, err = content_of(part, inner)
    if not content then
      return nil, err
    end
    out[#out + 1] = ("--%s\r\n%s\r\n\r\n%s\r\n"):format(
      boundary, header_of(part, disposition, inner), content)
  end
  out[#out + 1] = ("--%s--\r\n"):format(boundary)
  return table.concat(out)
end

--- The whole body, after the header that names its boundary.
-- @return string|nil, string|nil nil and a message when a file cannot be read
function multipart.encode(parts)
  if #parts == 0 then
    return "Content-Type: multipart/form-data\r\n\r\n"
  end
  local boundary = new_boundary()
  local body, err = encode_parts(parts, boundary, "form-data")
  if not body then
    return nil, err
  end
  return ("Content-Type: multipart/form-data; boundary=%s\r\n\r\n%s"):format(boundary, body)
end

return multipart

-- What is in a file, all of it at once.

--- @param path string @param most? bytes at most; of a larger file what is in front
-- @return string; or nil, message, the system's code
return function(path, most)
  local file, message, code = io.open(path, "rb")
  if file == nil then
    return nil, message, code
  end
  local text
  text, message, code = file:read(most or "*a")
  file:close()
  if text == nil and message then       -- as of a folder
    return nil, path .. ": " .. message, code
  end
  return text or ""                     -- `most` bytes of an empty file are nil
end

-- Base64, for user names and passwords, and bodies in JSON. In arithmetic: not every Lua
-- has operators for bits.
local base64 = {}

local DIGITS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"

--- @param text string @return string
function base64.encode(text)
  local pieces = {}
  for i = 1, #text, 3 do
    local a, b, c = text:byte(i, i + 2)
    local bits = a * 65536 + (b or 0) * 256 + (c or 0)
    local piece = ""
    for shift = 3, 0, -1 do
      local digit = math.floor(bits / 64 ^ shift) % 64 + 1
      piece = piece .. DIGITS:sub(digit, digit)
    end
    pieces[#pieces + 1] = c and piece or piece:sub(1, b and 3 or 2) .. (b and "=" or "==")
  end
  return table.concat(pieces)
end

local VALUES = {}
for i = 1, #DIGITS do
  VALUES[DIGITS:byte(i)] = i - 1
end

--- The other way; what is no digit is passed over.
-- @param text string @return string
function base64.decode(text)
  local pieces, bits, count = {}, 0, 0
  for i = 1, #text do
    local value = VALUES[text:byte(i)]
    if value then
      bits, count = bits * 64 + value, count + 6
      if count >= 8 then
        count = count - 8
        local byte = math.floor(bits / 2 ^ count)
        pieces[#pieces + 1] = string.char(byte)
        bits = bits - byte * 2 ^ count
      end
    end
  end
  return table.concat(pieces)
end

return base64

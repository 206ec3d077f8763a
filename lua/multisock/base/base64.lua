-- Base64, for user names and passwords. In arithmetic: not every Lua has operators for
-- bits.
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

return base64

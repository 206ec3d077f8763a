-- Bodies in content codings, as other programs have made them.
local codings = {}

local TEXT = ("The quick brown fox. "):rep(500)

local function bytes(hex)
  return (hex:gsub("%s", ""):gsub("%x%x", function(pair)
    return string.char(tonumber(pair, 16))
  end))
end

-- TEXT, as other programs have coded it.
local CODED = {
  gzip = bytes("1f8b0800000000000203edc8d10980201400c055de044de3048651088942e4f8aee1c7dde7a5bb44ff"
    .. "9eb3461eed7fe36af38824a594524a29a594524a29a594524a29a594524a29a594524ab9772ef323e316042900"
    .. "00"),
  deflate = bytes("789cedc8d10980201400c055de044de3048651088942e4f8aee1c7dde7a5bb44ff9eb3461eed7fe3"
    .. "6af38824a594524a29a594524a29a594524a29a594524a29a594524ab9772e52e26a47"),
  br = bytes("1b0329f88d94aadba306a13243932e6f7839c824af2509db74942f90ae5341006a00"),
  zstd = bytes("28b52ffd0468ed0000a854686520717569636b2062726f776e20666f782e200100d911f29309896061"
    .. "75"),
}
CODED["x-gzip"] = CODED.gzip
-- CODED.gzip, coded once more.
local TWICE = bytes("0b2b80") .. CODED.gzip .. "\3"

-- A bare deflate stream is what zlib's format has inside.
local RAW = CODED.deflate:sub(3, -5)

-- 64 MiB of zeros in br; the same in zstd, as blocks of one byte that is repeated 128 KiB times.
local ZEROS = 64 * 1024 * 1024
local BOMBS = {
  br = bytes("cbffff3f002400e2b14072effff8ffff078004401c1680eefd1fffffff00900088c302d0bdffe3ffff"
    .. "1f001200715800baf77ffcffff034002200e0b40f7fe8fffff7f004800c46101e8defff1ffff0f000980382c00"
    .. "ddfb3ffeffff012001108705a07bff37"),
  zstd = bytes("28b52ffd0058") .. bytes("02001000"):rep(511) .. bytes("03001000"),
}

--- Bytes as pairs of digits.
function codings.hex(text)
  return (text:gsub(".", function(c)
    return ("%02x"):format(c:byte())
  end))
end

codings.text, codings.coded, codings.twice, codings.raw = TEXT, CODED, TWICE, RAW
codings.bombs, codings.zeros, codings.bytes = BOMBS, ZEROS, bytes

--- The codings that this libcurl brings, as a set. Filled when it is asked: the
-- fuzzer's own process has no multisock.
codings.has = setmetatable({ ["x-gzip"] = true }, {
  __index = function(has, wanted)
    setmetatable(has, nil)
    for _, name in ipairs(require("multisock.core").version().codings) do
      has[name] = true
    end
    return has[wanted]
  end,
})

--- A spec of a coding, or the reason why there is none.
function codings.of(name, fn)
  return codings.has[name] and fn or function()
    require("busted.core")().pending("this libcurl is not linked to a decoder of " .. name)
  end
end

return codings

-- Makes `require "lcurl"` and `require "cURL"` find these modules, for libraries
-- that are not the program's own. Does nothing for what is loaded already.
for name, module in pairs({
  ["lcurl"] = "multisock.compat.lcurl", ["lcurl.safe"] = "multisock.compat.lcurl.safe",
  ["cURL"] = "multisock.compat.cURL", ["cURL.safe"] = "multisock.compat.cURL.safe",
}) do
  package.preload[name] = function()
    return require(module)
  end
end

return true

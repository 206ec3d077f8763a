-- The module `cURL` of Lua-cURLv3 on multisock.core: what libcurl refuses is
-- raised. For scripts that were written for it; see lcurl/README.md.
return require("cURL.layer")(require("lcurl"))

-- The module `cURL.safe` of Lua-cURLv3 on multisock.core: what libcurl refuses is
-- returned after nil; wrong arguments raise.
return require("cURL.layer")(require("lcurl.safe"))

std = "max"
max_line_length = 100
include_files = {
  "**/*.lua", "rockspec/*.rockspec", "lcurl/*.rockspec", "bin/multisock",
  ".luacheckrc", ".busted",
}
-- What is in library/ is generated, for editors.
exclude_files = { "build*/", "library/" }
files["spec"] = { std = "+busted" }
files["examples/user_suite"] = { std = "+busted" }
files["examples/neovim"] = { read_globals = { "vim" } }
files["examples/hosts"] = { read_globals = { "core", "ngx", "weechat" } }
files["rockspec/*.rockspec"] = { std = "+rockspec" }
files["lcurl/*.rockspec"] = { std = "+rockspec" }
files["lua/multisock/base/reference.lua"] = { max_line_length = false }
-- LuaJIT's builds of 2022 leave entries out of loops over their own pairs: see compat.pairs.
files["lua/multisock"] = { not_globals = { "pairs" } }
files["lua/multisock/base/compat.lua"] = { globals = { "pairs" } }
files["lcurl/lua"] = { not_globals = { "pairs" } }
files["lcurl/lua/lcurl/pairs.lua"] = { globals = { "pairs" } }

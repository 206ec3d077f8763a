rockspec_format = "3.0"
package = "multisock"
version = "scm-1"
source = { url = "git+file://." }
description = {
  summary = "Many HTTP transfers at once, from coroutines",
  detailed = "libcurl's multi_socket interface on libuv, with a coroutine fetch on top.",
  license = "MIT",
}
supported_platforms = { "unix" }
dependencies = { "lua >= 5.1, < 5.5" }
test_dependencies = { "busted" }
-- CMakeLists.txt knows what is built of which files, and names what is missing.
build = {
  type = "command",
  build_command = 'sh script/rock build multisock "$(LUA)" "$(LUA_INCDIR)" "$(LIBDIR)"'
    .. ' "$(LUADIR)" "$(BINDIR)"',
  install_command = "sh script/rock install multisock",
}
test = { type = "busted" }

-- C programs that embed multisock: built as a stranger would, against what is
-- installed, with pkg-config. MULTISOCK_EMBED_BUILD names the build folder to
-- install from; MULTISOCK_HOSTS_UNDER a command to run them under (valgrind);
-- MULTISOCK_SANITIZE=1 and MULTISOCK_TSAN=1 say how it was built.
local busted = require("busted")
local helper = require("spec.helper")
local shell = require("spec.support.shell")

local embedding = {}

local build = os.getenv("MULTISOCK_EMBED_BUILD") or os.getenv("MULTISOCK_BUILD") or "build"

--- Whether threads are watched by ThreadSanitizer.
embedding.is_tsan = os.getenv("MULTISOCK_TSAN") == "1"

--- The Lua that it was built for: the name of its pkg-config file.
embedding.lua = os.getenv("MULTISOCK_LUA") or "lua5.4"

local quote = shell.quote

local folder

local function check(command)
  -- LD_PRELOAD is a sanitizer's, for programs that are not built with it.
  local output, status = shell.run("unset LD_PRELOAD; " .. command)
  assert(status == 0, command .. "\n" .. output)
  return output
end

--- Where the library is installed, of one kind only; made at the first call.
-- @param kind? "static" or "shared"
function embedding.prefix(kind)
  kind = kind or "static"
  if folder == nil then
    folder = check("mktemp -d"):gsub("%s+$", "")
    for name, other in pairs { static = "so*", shared = "a" } do
      check(("cmake --install %s --prefix %s/%s && rm %s/%s/lib/libmultisock.%s"):format(
        quote(build), folder, name, folder, name, other))
    end
  end
  return folder .. "/" .. kind
end

--- Removes what was built and installed.
function embedding.clean()
  if folder then
    check("rm -rf " .. quote(folder))
    folder = nil
  end
end

local function sanitizers()
  if embedding.is_tsan then
    return "-fsanitize=thread"
  elseif os.getenv("MULTISOCK_SANITIZE") == "1" then
    return "-fsanitize=address,undefined -fno-sanitize-recover=undefined"
  end
  return ""
end

--- What pkg-config says, asked of the installed library.
function embedding.pkg_config(arguments, kind)
  return (check(("PKG_CONFIG_PATH=%s/lib/pkgconfig pkg-config %s"):format(
    embedding.prefix(kind), arguments)):gsub("%s+$", ""))
end

--- Builds one C file. Returns the program's path.
function embedding.build(source, kind)
  local prefix = embedding.prefix(kind)
  local program = prefix .. "/" .. source:match("([^/]*)%.c$")
  check(table.concat({
    os.getenv("CC") or "cc", "-std=gnu99 -g -Wall -Wextra -Werror", sanitizers(), "-o", program,
    source, embedding.pkg_config("--cflags --libs multisock " .. embedding.lua, kind),
    "-Wl,-rpath," .. prefix .. "/lib -ldl -lpthread",
  }, " "))
  return program
end

--- A C program that is there while the specs of this block run.
-- @param give function(path)
function embedding.fixture(source, give)
  busted.setup(function()
    give(embedding.build(source))
  end)
  busted.teardown(embedding.clean)
end

--- Builds a C file that is a Lua module. Returns its folder.
function embedding.build_module(source)
  local prefix = embedding.prefix()
  check(table.concat({
    os.getenv("CC") or "cc", "-std=gnu99 -g -Wall -Wextra -Werror -shared -fPIC", "-o",
    prefix .. "/" .. source:match("([^/]*)%.c$") .. ".so", source,
    embedding.pkg_config("--cflags " .. embedding.lua),
  }, " "))
  return prefix
end

--- Runs such a program. Returns what it wrote to both outputs, and its status.
function embedding.run(program, ...)
  local words = {
    -- Of a sanitizer's own, or a module that was built for another program.
    "unset LD_PRELOAD LUA_PATH LUA_CPATH;",
    "ASAN_OPTIONS=detect_leaks=1 UBSAN_OPTIONS=print_stacktrace=1",
    "timeout", tostring(math.ceil(helper.seconds(60))),
    os.getenv("MULTISOCK_HOSTS_UNDER") or "", quote(program),
  }
  for _, word in ipairs { ... } do
    words[#words + 1] = quote(word)
  end
  return shell.run(table.concat(words, " "))
end

--- The same for a host that runs a Lua script, given as text.
function embedding.script(program, script, ...)
  local name = os.tmpname()
  shell.write_file(name, script)
  local output, status = embedding.run(program, name, ...)
  os.remove(name)
  return output, status
end

return embedding

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
dependencies = { "lua >= 5.4, < 5.5", "lua-cjson" }
test_dependencies = { "busted" }
-- Only the libraries are looked up: LuaRocks does not search the multiarch
-- include directories of Debian, where curl/curl.h lives. The compiler finds
-- it, and src/compat.h names the package when it does not.
external_dependencies = { CURL = { library = "curl" }, UV = { library = "uv" } }
build = {
  type = "builtin",
  modules = {
    ["multisock.core"] = {
      sources = {
        "src/core.c", "src/error.c", "src/buffer.c", "src/info.c", "src/proxy.c",
        "src/options.c", "src/options_default.c", "src/options_depend.c",
        "src/options_held.c", "src/options_known.c",
        "src/callbacks.c", "src/callbacks_connect.c", "src/callbacks_data.c",
        "src/callbacks_ftp.c", "src/callbacks_hsts.c", "src/callbacks_progress.c",
        "src/callbacks_socket.c",
        "src/receiver.c", "src/easy.c", "src/easy_dup.c", "src/easy_header.c",
        "src/easy_io.c", "src/easy_transfer.c", "src/gate.c", "src/resume.c",
        "src/shortcut.c", "src/sink.c", "src/multi.c", "src/multi_lua.c", "src/multi_options.c",
        "src/multi_poll.c", "src/multi_push.c", "src/loop.c", "src/url.c", "src/share.c",
        "src/mime.c", "src/mime_body.c", "src/driver_uv.c", "src/driver_watch.c",
      },
      libraries = { "curl", "uv" },
      incdirs = { "$(CURL_INCDIR)", "$(UV_INCDIR)" },
      libdirs = { "$(CURL_LIBDIR)", "$(UV_LIBDIR)" },
    },
    ["multisock"] = "lua/multisock/init.lua",
    ["multisock.admission"] = "lua/multisock/admission.lua",
    ["multisock.client"] = "lua/multisock/client.lua",
    ["multisock.command"] = "lua/multisock/command/init.lua",
    ["multisock.command.arguments"] = "lua/multisock/command/arguments.lua",
    ["multisock.command.batch"] = "lua/multisock/command/batch.lua",
    ["multisock.command.download"] = "lua/multisock/command/download.lua",
    ["multisock.command.get"] = "lua/multisock/command/get.lua",
    ["multisock.command.names"] = "lua/multisock/command/names.lua",
    ["multisock.command.progress"] = "lua/multisock/command/progress.lua",
    ["multisock.command.report"] = "lua/multisock/command/report.lua",
    ["multisock.command.text"] = "lua/multisock/command/text.lua",
    ["multisock.compat"] = "lua/multisock/compat.lua",
    ["multisock.compat.cURL"] = "lua/multisock/compat/cURL.lua",
    ["multisock.compat.cURL.events"] = "lua/multisock/compat/cURL/events.lua",
    ["multisock.compat.cURL.forms"] = "lua/multisock/compat/cURL/forms.lua",
    ["multisock.compat.cURL.layer"] = "lua/multisock/compat/cURL/layer.lua",
    ["multisock.compat.cURL.safe"] = "lua/multisock/compat/cURL/safe.lua",
    ["multisock.compat.cURL.version2"] = "lua/multisock/compat/cURL/version2.lua",
    ["multisock.compat.lcurl"] = "lua/multisock/compat/lcurl.lua",
    ["multisock.compat.lcurl.callbacks"] = "lua/multisock/compat/lcurl/callbacks.lua",
    ["multisock.compat.lcurl.constants"] = "lua/multisock/compat/lcurl/constants.lua",
    ["multisock.compat.lcurl.easy"] = "lua/multisock/compat/lcurl/easy.lua",
    ["multisock.compat.lcurl.errors"] = "lua/multisock/compat/lcurl/errors.lua",
    ["multisock.compat.lcurl.form"] = "lua/multisock/compat/lcurl/form.lua",
    ["multisock.compat.lcurl.library"] = "lua/multisock/compat/lcurl/library.lua",
    ["multisock.compat.lcurl.mime"] = "lua/multisock/compat/lcurl/mime.lua",
    ["multisock.compat.lcurl.multi"] = "lua/multisock/compat/lcurl/multi.lua",
    ["multisock.compat.lcurl.multipart"] = "lua/multisock/compat/lcurl/multipart.lua",
    ["multisock.compat.lcurl.object"] = "lua/multisock/compat/lcurl/object.lua",
    ["multisock.compat.lcurl.options"] = "lua/multisock/compat/lcurl/options.lua",
    ["multisock.compat.lcurl.preload"] = "lua/multisock/compat/lcurl/preload.lua",
    ["multisock.compat.lcurl.safe"] = "lua/multisock/compat/lcurl/safe.lua",
    ["multisock.compat.lcurl.share"] = "lua/multisock/compat/lcurl/share.lua",
    ["multisock.compat.lcurl.url"] = "lua/multisock/compat/lcurl/url.lua",
    ["multisock.errors"] = "lua/multisock/errors.lua",
    ["multisock.handles"] = "lua/multisock/handles.lua",
    ["multisock.pool"] = "lua/multisock/pool.lua",
    ["multisock.headers"] = "lua/multisock/headers.lua",
    ["multisock.loop.uv"] = "lua/multisock/loop/uv.lua",
    ["multisock.map"] = "lua/multisock/map.lua",
    ["multisock.middleware.redirect"] = "lua/multisock/middleware/redirect.lua",
    ["multisock.queue"] = "lua/multisock/queue.lua",
    ["multisock.request"] = "lua/multisock/request.lua",
    ["multisock.response"] = "lua/multisock/response.lua",
    ["multisock.scheduler"] = "lua/multisock/scheduler.lua",
    ["multisock.settings"] = "lua/multisock/settings.lua",
    ["multisock.stream"] = "lua/multisock/stream.lua",
    ["multisock.targets"] = "lua/multisock/targets.lua",
    ["multisock.tasks"] = "lua/multisock/tasks.lua",
    ["multisock.timers"] = "lua/multisock/timers.lua",
    ["multisock.transfer"] = "lua/multisock/transfer.lua",
    ["multisock.unobserved"] = "lua/multisock/unobserved.lua",
  },
  install = { bin = { multisock = "bin/multisock" } },
}
test = { type = "busted" }

/* multisock for a host written in C: see docs/embedding.md. */
#ifndef MULTISOCK_H
#define MULTISOCK_H

#include <uv.h>

#ifdef __cplusplus
extern "C" {
#endif

#include <lua.h>

/* A field of the registry. A host that calls curl_global_init itself sets it
   to true before it opens the library: then multisock does not call it. */
#define MULTISOCK_CURL_READY "multisock.curl_ready"

/* require "multisock", with its Lua files inside: for luaL_requiref, or to be
   put into package.preload. Needs the standard libraries to be open. */
int luaopen_multisock(lua_State *L);

/* require "multisock.core" alone. */
int luaopen_multisock_core(lua_State *L);

/* From now on the tasks of this state run on the host's loop, which must
   outlive the state: multisock puts handles on it, and leaves running and
   closing to the host. To be called before the first use, on the thread that
   runs the loop; and again whenever uv_run has returned, if Lua is to wait
   outside of it (ms.run). Never raises: 0, or an error code as of lua_pcall
   with the message on the stack. */
int multisock_use_loop(lua_State *L, uv_loop_t *loop);

#ifdef __cplusplus
}
#endif

#endif

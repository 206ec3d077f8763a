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

/* The next three are for a host that owns its time: ms.step, ms.fd and
   ms.next_timeout of Lua, without Lua's ways to call them. They raise nothing,
   and but for the message of multisock_step they leave nothing on the stack.

   Runs the tasks that are ready, waits for events for `timeout` seconds at most
   (0: not at all), and serves them. 0, or an error code as of lua_pcall with the
   message on the stack: the error of a task that nobody awaited, with its stack,
   unless the script has set ms.on_error. */
int multisock_step(lua_State *L, double timeout);

/* A descriptor that is readable when multisock_step has something to do. -1: the
   system has none, or there was an error. */
int multisock_fd(lua_State *L);

/* Seconds that the host may wait, at most, before it calls multisock_step; -1:
   until the descriptor is readable. 0 when there was an error: the step tells. */
double multisock_next_timeout(lua_State *L);

#ifdef __cplusplus
}
#endif

#endif

/* A loop that the host owns and runs: Lua gets its turn from inside of it. */
#pragma once

#include "loop.h"

#define HOST_RUNS "the host runs this loop; start a task with ms.spawn(fn)"

typedef struct Host Host;

/* The host's loop at this index, or NULL when there is nothing; raises on all
   else, and on the loop of another copy of libuv. */
uv_loop_t *host_check(lua_State *L, int idx);

/* The loop's userdata is on top of the stack. NULL without memory. */
Host *host_new(lua_State *L, Loop *loop, uv_loop_t *uv);

/* NULL is allowed in all of these: a loop of our own. */
void host_close(Host *host);

/* Whether the host's uv_run was seen to run it. */
bool host_is_running(const Host *host);

/* Around a uv_run of ours. */
void host_step_begins(Host *host);
void host_step_ends(Host *host);

/* Whether the function given to on_turn is running. */
bool host_is_in_turn(const Host *host);

extern const luaL_Reg host_methods[];

/* The life of a libuv loop: how Lua and C find it, how it begins and ends,
   and whose thread may use it. loop_turn.c runs it. */
#include "loop.h"

#include <stdlib.h>

#include "error.h"
#include "fields.h"
#include "host.h"
#include "interrupt.h"
#include "owner.h"

const char loop_type[] = "multisock.loop";

/* Weak table from the address of a Loop to its userdata. */
static const char registry_key;

/* Events after which Lua gets its turn. Measured with 1,000 transfers: more
   is slower, because what was received has to come from memory again. */
#define TURN_EVENTS 64

Loop *loop_check(lua_State *L, int idx)
{
  Loop **box = box_check(L, idx, loop_type);
  if (*box == NULL)
    luaL_argerror(L, idx, "loop is closed");
  return *box;
}

bool loop_is_of_thread(const Loop *loop)
{
  return (loop->host == NULL && loop->depth == 0) ||
         pthread_equal(loop->thread, pthread_self());
}

void loop_check_thread(lua_State *L, const Loop *loop, const char *what)
{
  if (loop_is_of_thread(loop))
    return;
  luaL_error(L,
             loop->host != NULL
                 ? "%s: the loop belongs to another thread, that on which "
                   "it was adopted; use a Lua state for each thread"
                 : "%s: the loop is running in another thread; use a Lua "
                   "state for each thread",
             what);
}

void loop_push(lua_State *L, const Loop *loop)
{
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_rawgetp(L, -1, loop);
  lua_remove(L, -2);
}

/* ---- Life ---- */

/* Also while add_handle or pause of one of its multis is on the stack. */
static bool is_running(const Loop *loop)
{
  const Multi *multi = loop->multis;
  while (multi != NULL && multi->depth == 0)
    multi = multi->next;
  return loop->depth > 0 || multi != NULL;
}

static void timer_closed(Loop *loop)
{
  if (--loop->closing == 0)
    free(loop);
}

static void on_alarm_closed(uv_handle_t *handle)
{
  timer_closed(container_of(handle, Loop, alarm));
}

static void on_deadline_closed(uv_handle_t *handle)
{
  timer_closed(container_of(handle, Loop, deadline));
}

/* An adopted loop is the host's: he runs it once more, which frees this. */
static int loop_gc(lua_State *L)
{
  Loop **box = box_collect(L, loop_type);
  Loop *loop = box != NULL ? *box : NULL;
  uv_loop_t *own;
  if (loop == NULL || is_running(loop))
    return 0;
  interrupt_stop(loop->uv);
  *box = NULL;
  own = loop->host == NULL ? loop->uv : NULL;
  while (loop->multis != NULL)
    multi_shutdown(loop->multis);
  uvdriver_close(loop->driver);
  host_close(loop->host);
  loop->closing = 2;
  uv_close((uv_handle_t *)&loop->alarm, on_alarm_closed);
  uv_close((uv_handle_t *)&loop->deadline, on_deadline_closed);
  if (own == NULL)
    return 0;
  while (uv_loop_close(own) == UV_EBUSY)
    (void)uv_run(own, UV_RUN_DEFAULT);
  free(own);
  return 0;
}

/*** Closes the loop and every multi that is attached to it. May be called
again. Of an adopted one only what is ours on it: the host runs it once more
before he closes it.
@raise in a callback of a transfer that it drives */
static int loop_close(lua_State *L)
{
  Loop **box = box_collect(L, loop_type);
  if (box != NULL && is_running(*box))
    return luaL_error(L, "close: the loop is running");
  return loop_gc(L);
}

static int loop_tostring(lua_State *L)
{
  Loop **box = box_describe(L, loop_type);
  if (box != NULL)
    lua_pushfstring(L, "multisock.loop (%s) %p",
                    (*box)->host == NULL ? "own" : "adopted", (void *)*box);
  return 1;
}

/* A loop of our own; NULL with nil and an error object pushed. */
static uv_loop_t *make_own(lua_State *L)
{
  uv_loop_t *uv = malloc(sizeof *uv);
  if (uv == NULL)
    luaL_error(L, "not enough memory");
  process_fill_standard_files();
  if (uv_loop_init(uv) == 0)
    return uv;
  free(uv);
  lua_pushnil(L);
  error_push_kind(L, "io", "libuv cannot make a loop: too many open files?");
  return NULL;
}

/*** Makes a libuv loop, or adopts the host's: then the host runs it, and
on_turn and wake say when Lua gets its turn.
@param loop? lightuserdata: the host's uv_loop_t *
@return core.Loop; or nil, err
@raise when that loop is of another copy of libuv */
int loop_new(lua_State *L)
{
  Loop **box;
  Loop *loop;
  uv_loop_t *uv = host_check(L, 1);
  bool adopted = uv != NULL;
  lua_settop(L, 0);
  box = box_new(L);
  luaL_setmetatable(L, loop_type);
  lua_newtable(L);
  compat_setuservalue(L, -2);
  if (!adopted && (uv = make_own(L)) == NULL)
    return 2;
  loop = calloc(1, sizeof *loop);
  if (loop != NULL)
    loop->driver = uvdriver_new(uv);
  if (loop != NULL && loop->driver != NULL && adopted)
    loop->host = host_new(L, loop, uv);
  if (loop == NULL || loop->driver == NULL || (adopted && loop->host == NULL)) {
    /* That of a driver is freed when the loop runs. */
    if (loop != NULL && loop->driver != NULL)
      uvdriver_close(loop->driver);
    free(loop);
    if (!adopted) {
      (void)uv_loop_close(uv); /* nothing is open on it */
      free(uv);
    }
    return luaL_error(L, "not enough memory");
  }
  loop->uv = uv;
  loop->thread = pthread_self();
  if (!adopted)
    uvdriver_limit_turn(loop->driver, TURN_EVENTS);
  loop->forks = process_forks;
  (void)uv_timer_init(uv, &loop->alarm);
  (void)uv_timer_init(uv, &loop->deadline);
  uv_unref((uv_handle_t *)&loop->deadline);
  *box = loop;
  lua_rawgetp(L, LUA_REGISTRYINDEX, &registry_key);
  lua_pushvalue(L, 1);
  lua_rawsetp(L, -2, loop);
  lua_settop(L, 1);
  return 1;
}

static const luaL_Reg life_methods[] = {
  { "close", loop_close },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", loop_gc },
  { "__close", loop_gc },
  { "__tostring", loop_tostring },
  { NULL, NULL },
};

void loop_open(lua_State *L)
{
  if (!compat_newtype(L, loop_type))
    return;
  push_weak_table(L, "v");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &registry_key);
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, life_methods, 0);
  luaL_setfuncs(L, loop_turn_methods, 0);
  luaL_setfuncs(L, host_methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
  attach_open(L);
}

/* The libuv loop as Lua sees it. Lua pulls: a step runs the loop until
   something happened, and news() then hands over all transfers that have
   something to tell, so Lua is entered once for a batch of events. */
#include "loop.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>

#include "error.h"

const char loop_type[] = "multisock.loop";

/* Events after which Lua gets its turn. Measured with 1,000 transfers: more
   is slower, because what was received has to come from memory again. */
#define TURN_EVENTS 64

Loop *loop_check(lua_State *L, int idx)
{
  Loop **box = compat_checkudata(L, idx, loop_type);
  if (*box == NULL)
    luaL_argerror(L, idx, "loop is closed");
  return *box;
}

void loop_adopt(Loop *loop, Multi *multi)
{
  multi->loop = loop;
  multi->previous = NULL;
  multi->next = loop->multis;
  if (loop->multis != NULL)
    loop->multis->previous = multi;
  loop->multis = multi;
}

void loop_forget(Loop *loop, Multi *multi)
{
  if (multi->previous != NULL)
    multi->previous->next = multi->next;
  else
    loop->multis = multi->next;
  if (multi->next != NULL)
    multi->next->previous = multi->previous;
  multi->loop = NULL;
  if (loop->failed == multi)
    loop->failed = NULL;
}

/* ---- Ctrl-C ---- */

/* libuv waits on when a signal arrives, so the handler that the host has set
   (lua's: raise "interrupted!" at the next instruction) would only act with
   the next event. While a loop runs ours is in front: it calls the host's,
   then wakes the loop. One process has one SIGINT, hence the statics. */
static struct sigaction host_action;
static uv_async_t *volatile interrupted_loop;

static void on_interrupt(int number)
{
  int saved = errno;
  if (host_action.sa_handler != SIG_IGN)
    host_action.sa_handler(number);
  if (interrupted_loop != NULL)
    (void)uv_async_send(interrupted_loop);
  errno = saved;
}

static void on_async(uv_async_t *async)
{
  uv_stop(async->loop);
}

static void on_async_closed(uv_handle_t *handle)
{
  free(handle);
}

/*** Lets Ctrl-C end a blocking step, for as long as a program runs the loop.
Only where the host handles SIGINT by a plain function, as `lua` does.
@param on boolean */
static int loop_interruptible(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  bool on = lua_toboolean(L, 2);
  struct sigaction current;
  if (sigaction(SIGINT, NULL, &current) != 0)
    return 0;
  if (on && interrupted_loop == NULL && !(current.sa_flags & SA_SIGINFO) &&
      current.sa_handler != SIG_DFL && current.sa_handler != SIG_IGN) {
    struct sigaction action;
    uv_async_t *async = malloc(sizeof *async);
    if (async == NULL || uv_async_init(&loop->uv, async, on_async) != 0) {
      free(async);
      return 0;
    }
    async->data = NULL;
    uv_unref((uv_handle_t *)async);
    host_action = current;
    interrupted_loop = async;
    memset(&action, 0, sizeof action);
    action.sa_handler = on_interrupt;
    (void)sigaction(SIGINT, &action, NULL);
  }
  else if (!on && interrupted_loop != NULL &&
           interrupted_loop->loop == &loop->uv) {
    uv_async_t *async = interrupted_loop;
    if (current.sa_handler == on_interrupt)
      (void)sigaction(SIGINT, &host_action, NULL);
    interrupted_loop = NULL;
    uv_close((uv_handle_t *)async, on_async_closed);
  }
  return 0;
}

/* ---- Methods ---- */

/* Whether somebody has something to take: news, or an end for info_read. */
static bool has_results(const Loop *loop)
{
  const Multi *multi = loop->multis;
  while (multi != NULL && multi->finished.first == NULL)
    multi = multi->next;
  return loop->news.first != NULL || multi != NULL;
}

static void on_alarm(uv_timer_t *timer)
{
  (void)timer;                     /* its only job was to end the step */
}

/* What a push or notify function raised in this step; further ones follow
   with the next. */
static void raise_failed(lua_State *L, Loop *loop)
{
  Multi *multi = loop->failed;
  loop->failed = NULL;
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
}

/*** Waits for events and serves them.
@param timeout seconds at most; nil: until something happens; 0: what is
there now
@return boolean whether anything is left that the loop could wait for
@raise when called in a callback; what a push or notify function raised
@see uv_run(3) */
static int loop_step(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  uv_run_mode mode = UV_RUN_ONCE;
  if (loop->depth > 0)
    return luaL_error(L, "step: the loop is running");
  uv_update_time(&loop->uv);       /* Lua may have worked for long */
  if (!lua_isnoneornil(L, 2)) {
    lua_Number seconds = luaL_checknumber(L, 2);
    if (!(seconds > 0))
      mode = UV_RUN_NOWAIT;
    else {
      uint64_t ms = seconds < 1e9 ? (uint64_t)(seconds * 1000) + 1
                                  : (uint64_t)1e12;
      (void)uv_timer_start(&loop->alarm, on_alarm, ms, 0);
    }
  }
  loop->depth++;
  do {
    uvdriver_catch_up(loop->driver);
    uvdriver_flush(loop->driver);
  } while (uvdriver_is_behind(loop->driver) && !has_results(loop));
  /* What was served may already be news: then do not wait for more. */
  if (has_results(loop))
    mode = UV_RUN_NOWAIT;
  if (!uvdriver_is_behind(loop->driver))
    (void)uv_run(&loop->uv, mode);
  loop->depth--;
  if (mode != UV_RUN_NOWAIT || uv_is_active((uv_handle_t *)&loop->alarm))
    (void)uv_timer_stop(&loop->alarm);
  if (loop->failed != NULL)
    raise_failed(L, loop);
  lua_pushboolean(L, uv_loop_alive(&loop->uv));
  return 1;
}

/*** Hands over the transfers that have something to tell since the last call:
who waits for one (in core.waiting) goes to the end of `ready`, a transfer that
nobody waits for into `strays`.
@param ready list of tasks
@param last index of its last one
@param strays table that takes easies as 1..count; what it held beyond stays
@return last, count */
static int loop_news(lua_State *L)
{
  return news_take(L, &loop_check(L, 1)->news);
}

/*** How long a step would wait by itself.
@return seconds; nil: until a socket is ready
@see uv_backend_timeout(3) */
static int loop_timeout(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  int ms;
  uv_update_time(&loop->uv);
  ms = loop->news.first != NULL || uvdriver_is_behind(loop->driver)
         ? 0
         : uv_backend_timeout(&loop->uv);
  if (ms < 0 || !uv_loop_alive(&loop->uv))
    lua_pushnil(L);
  else
    lua_pushnumber(L, (lua_Number)ms / 1000);
  return 1;
}

/*** The descriptor that is readable when a step has something to do.
@return integer; nil where the system has none
@see uv_backend_fd(3) */
static int loop_fd(lua_State *L)
{
  int fd = uv_backend_fd(&loop_check(L, 1)->uv);
  if (fd < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, fd);
  return 1;
}

/*** The monotonic clock.
@return seconds, with fractions */
static int loop_now(lua_State *L)
{
  lua_pushnumber(L, (lua_Number)uv_hrtime() / 1e9);
  return 1;
}

/*** How many sockets are watched, idle connections included, and how many
multis are attached: for leak checks.
@return integer, integer */
static int loop_counts(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  lua_Integer multis = 0;
  const Multi *multi;
  for (multi = loop->multis; multi != NULL; multi = multi->next)
    multis++;
  lua_pushinteger(L, (lua_Integer)uvdriver_watched(loop->driver));
  lua_pushinteger(L, multis);
  return 2;
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

static int loop_gc(lua_State *L)
{
  Loop **box = compat_checkudata(L, 1, loop_type);
  Loop *loop = *box;
  if (loop == NULL || is_running(loop))
    return 0;
  lua_settop(L, 1);
  lua_pushboolean(L, 0);
  (void)loop_interruptible(L);
  *box = NULL;
  while (loop->multis != NULL)
    multi_shutdown(loop->multis);
  uvdriver_close(loop->driver);
  uv_close((uv_handle_t *)&loop->alarm, NULL);
  while (uv_loop_close(&loop->uv) == UV_EBUSY)
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
  free(loop);
  return 0;
}

/*** Closes the loop and every multi that is attached to it. May be called
again.
@raise in a callback of a transfer that it drives */
static int loop_close(lua_State *L)
{
  Loop **box = compat_checkudata(L, 1, loop_type);
  if (*box != NULL && is_running(*box))
    return luaL_error(L, "close: the loop is running");
  return loop_gc(L);
}

static int loop_tostring(lua_State *L)
{
  Loop **box = compat_checkudata(L, 1, loop_type);
  if (*box == NULL)
    lua_pushstring(L, "multisock.loop (closed)");
  else
    lua_pushfstring(L, "multisock.loop %p", (void *)*box);
  return 1;
}

/*** Makes a libuv loop.
@return core.Loop; or nil, err */
int loop_new(lua_State *L)
{
  Loop **box = compat_newuserdata(L, sizeof *box);
  Loop *loop;
  *box = NULL;
  luaL_setmetatable(L, loop_type);
  lua_newtable(L);
  compat_setuservalue(L, -2);
  loop = calloc(1, sizeof *loop);
  if (loop == NULL)
    return luaL_error(L, "not enough memory");
  if (uv_loop_init(&loop->uv) != 0) {
    free(loop);
    lua_pushnil(L);
    error_push_kind(L, "io", "libuv cannot make a loop: too many open files?");
    return 2;
  }
  loop->driver = uvdriver_new(&loop->uv);
  if (loop->driver == NULL) {
    (void)uv_loop_close(&loop->uv);          /* nothing is open on it */
    free(loop);
    return luaL_error(L, "not enough memory");
  }
  uvdriver_limit_turn(loop->driver, TURN_EVENTS);
  (void)uv_timer_init(&loop->uv, &loop->alarm);
  *box = loop;
  return 1;
}

static const luaL_Reg methods[] = {
  { "step", loop_step },         { "news", loop_news },
  { "timeout", loop_timeout },   { "fd", loop_fd },
  { "now", loop_now },           { "counts", loop_counts },
  { "interruptible", loop_interruptible },
  { "close", loop_close },       { NULL, NULL }
};

static const luaL_Reg metamethods[] = {
  { "__gc", loop_gc },           { "__close", loop_gc },
  { "__tostring", loop_tostring }, { NULL, NULL }
};

void loop_open(lua_State *L)
{
  if (!compat_newtype(L, loop_type))
    return;
  luaL_setfuncs(L, metamethods, 0);
  lua_newtable(L);
  luaL_setfuncs(L, methods, 0);
  lua_setfield(L, -2, "__index");
  lua_pop(L, 1);
}

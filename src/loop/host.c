/* The adopted loop: see host.h. The host's uv_run calls our driver; once in
   each turn in which something happened that calls the function that Lua gave
   to on_turn. Nothing here runs, stops or closes the loop. */
#include "host.h"

#include <stdio.h>
#include <stdlib.h>

#include "process.h"

struct Host {
  Loop *loop;
  lua_State *L;      /* a coroutine that nobody else uses */
  uv_timer_t timer;  /* when Lua wants its turn at the latest */
  uv_timer_t sentry; /* due at once when somebody else runs the loop */
  uv_idle_t idle;    /* active while it wants it at once */
  bool due;
  bool is_running;
  bool in_turn;
  unsigned forks;
  int closing; /* handles whose close callback is outstanding */
};

/* Where the loop's values name the function, and the coroutine it runs on. */
#define ON_TURN "on_turn"
#define COROUTINE "coroutine"

bool host_is_running(const Host *host)
{
  return host != NULL && host->is_running;
}

bool host_is_in_turn(const Host *host)
{
  return host != NULL && host->in_turn;
}

/* ---- Whose turn ---- */

/* libuv does not tell whether uv_run is on the stack. It serves timers first:
   one that is due is called before any callback of the host. */
static void on_sentry(uv_timer_t *timer)
{
  container_of(timer, Host, sentry)->is_running = true;
}

static void sentry_start(Host *host)
{
  (void)uv_timer_start(&host->sentry, on_sentry, 0, 0);
}

void host_step_begins(Host *host)
{
  if (host != NULL)
    (void)uv_timer_stop(&host->sentry);
}

void host_step_ends(Host *host)
{
  if (host != NULL)
    sentry_start(host);
}

/* ---- Whose libuv ---- */

/* A loop remembers a function of the libuv that made it. Another copy of
   libuv, linked into some library, must not be given ours, nor ours its. */
static bool is_of_our_libuv(lua_State *L, const uv_loop_t *loop)
{
  uv_loop_t probe;
  bool same;
  process_fill_standard_files();
  if (uv_loop_init(&probe) != 0)
    luaL_error(L, "libuv cannot make a loop: too many open files?");
  same = probe.wq_async.async_cb == loop->wq_async.async_cb;
  (void)uv_loop_close(&probe); /* nothing is open on it */
  return same;
}

uv_loop_t *host_check(lua_State *L, int idx)
{
  uv_loop_t *loop;
  if (lua_isnoneornil(L, idx))
    return NULL;
  if (!lua_islightuserdata(L, idx))
    luaL_error(L,
               "bad argument #%d to 'loop' (light userdata, a uv_loop_t *,"
               " expected, got %s)",
               idx, luaL_typename(L, idx));
  loop = lua_touserdata(L, idx);
  if (loop == NULL)
    luaL_argerror(L, idx, "the uv_loop_t * is NULL");
  if (!is_of_our_libuv(L, loop))
    luaL_error(L,
               "the loop was made by another copy of libuv than multisock's"
               " (%s); link both to the same libuv, or use the loop \"luv\"",
               uv_version_string());
  return loop;
}

/* ---- Lua's turn ---- */

static int add_traceback(lua_State *L)
{
  luaL_traceback(L, L, luaL_tolstring(L, 1, NULL), 1);
  return 1;
}

/* Whoever is to be told of errors is told in Lua: this is the last resort. */
static void call_turn(Host *host)
{
  lua_State *L = host->L;
  int top = lua_gettop(L);
  if (!lua_checkstack(L, 8))
    return;
  lua_pushcfunction(L, add_traceback);
  loop_push(L, host->loop);
  if (lua_isuserdata(L, -1)) {
    compat_getuservalue(L, -1);
    lua_getfield(L, -1, ON_TURN);
    if (lua_isfunction(L, -1) && lua_pcall(L, 0, 0, top + 1) != LUA_OK) {
      const char *text = lua_tostring(L, -1);
      (void)fprintf(stderr, "multisock: %s\n", text ? text : "error");
    }
  }
  lua_settop(L, top);
}

static void on_turned(void *data)
{
  Host *host = data;
  Loop *loop = host->loop;
  if (loop->depth > 0)
    return; /* whoever steps it takes what is ready */
  if (!host->due && !loop_has_results(loop) && loop->failed == NULL)
    return;
  host->due = false;
  (void)uv_idle_stop(&host->idle);
  loop->depth++;
  host->in_turn = true;
  call_turn(host);
  host->in_turn = false;
  loop->depth--;
}

/* Active, it keeps libuv from waiting: the turn comes when the descriptors
   were looked at. */
static void on_idle(uv_idle_t *idle)
{
  Host *host = container_of(idle, Host, idle);
  if (host->forks != process_forks)
    (void)uv_idle_stop(idle);
}

static void want_turn(Host *host)
{
  host->due = true;
  (void)uv_idle_start(&host->idle, on_idle);
}

static void on_timer(uv_timer_t *timer)
{
  Host *host = container_of(timer, Host, timer);
  if (host->forks == process_forks)
    want_turn(host);
}

/*** Sets the function that gets Lua's turn in the host's uv_run, once for all
that has happened: then some may be ready, or ends for info_read.
@param fn fun(): what it raises is printed
@return self
@raise when the loop is not adopted */
static int host_on_turn(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  luaL_checktype(L, 2, LUA_TFUNCTION);
  if (loop->host == NULL)
    return luaL_error(L, "on_turn: the loop is not adopted");
  lua_settop(L, 2);
  compat_getuservalue(L, 1);
  lua_insert(L, 2);
  lua_setfield(L, 2, ON_TURN);
  lua_settop(L, 1);
  return 1;
}

/*** Asks for a turn of an adopted loop. The last call counts.
@param seconds? number: until then, at most; 0: the next one; nil: when there is ready
@return self
@raise when the loop is not adopted, or belongs to another thread */
static int host_wake(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  Host *host = loop->host;
  lua_Number seconds = luaL_optnumber(L, 2, -1);
  if (host == NULL)
    return luaL_error(L, "wake: the loop is not adopted");
  loop_check_thread(L, loop, "wake");
  (void)uv_timer_stop(&host->timer);
  if (seconds == 0)
    want_turn(host);
  else if (seconds > 0) {
    uv_update_time(loop->uv);
    (void)uv_timer_start(&host->timer, on_timer,
                         seconds < 1e9 ? (uint64_t)(seconds * 1000) + 1
                                       : (uint64_t)1e12,
                         0);
  }
  lua_settop(L, 1);
  return 1;
}

/*** Whether the host was seen to run its loop: then Lua cannot wait for it.
@param over? boolean: the host says that its run has ended
@return boolean */
static int host_hosted(lua_State *L)
{
  Loop *loop = loop_check(L, 1);
  if (loop->host != NULL && lua_toboolean(L, 2)) {
    loop->host->is_running = false;
    sentry_start(loop->host);
  }
  lua_pushboolean(L, host_is_running(loop->host));
  return 1;
}

const luaL_Reg host_methods[] = {
  { "on_turn", host_on_turn },
  { "wake", host_wake },
  { "hosted", host_hosted },
  { NULL, NULL },
};

/* ---- Life ---- */

Host *host_new(lua_State *L, Loop *loop, uv_loop_t *uv)
{
  Host *host = calloc(1, sizeof *host);
  if (host == NULL)
    return NULL;
  host->loop = loop;
  host->forks = process_forks;
  compat_getuservalue(L, -1);
  host->L = lua_newthread(L);
  lua_setfield(L, -2, COROUTINE);
  lua_pop(L, 1);
  /* These cannot fail: they only fill in the handle. */
  (void)uv_timer_init(uv, &host->timer);
  (void)uv_timer_init(uv, &host->sentry);
  uv_unref((uv_handle_t *)&host->sentry);
  (void)uv_idle_init(uv, &host->idle);
  sentry_start(host);
  uvdriver_on_turn(loop->driver, on_turned, host);
  return host;
}

static void handle_closed(Host *host)
{
  if (--host->closing == 0)
    free(host);
}

static void on_timer_closed(uv_handle_t *handle)
{
  handle_closed(container_of(handle, Host, timer));
}

static void on_sentry_closed(uv_handle_t *handle)
{
  handle_closed(container_of(handle, Host, sentry));
}

static void on_idle_closed(uv_handle_t *handle)
{
  handle_closed(container_of(handle, Host, idle));
}

void host_close(Host *host)
{
  if (host == NULL)
    return;
  host->closing = 3;
  uv_close((uv_handle_t *)&host->timer, on_timer_closed);
  uv_close((uv_handle_t *)&host->sentry, on_sentry_closed);
  uv_close((uv_handle_t *)&host->idle, on_idle_closed);
}

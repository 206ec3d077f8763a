/* require "multisock.ev": libev's default loop, as much of it as an adapter
   needs. A module of its own, so that the core does not need libev. Used by
   lua/multisock/loop/ev.lua. */
#include <ev.h>
#include <limits.h>
#include <stdlib.h>

#include "compat.h"

/* In the registry, by the address: a table with the functions to call, by
   descriptor and under "timer", and the error that one has raised. */
static const char key;

typedef struct Watch {
  ev_io io;
} Watch;

/* libev's default loop is one for the process, and so is this. */
static struct {
  struct ev_loop *loop;
  lua_State *L;    /* where callbacks run; NULL: that state is closed */
  Watch **watches; /* by descriptor */
  int room;
  ev_timer timer, alarm;
} state;

static const char *event_name(int events)
{
  bool in = events & EV_READ, out = events & EV_WRITE;
  if (events & EV_ERROR)
    return "err";
  return in && out ? "inout" : in ? "in" : "out";
}

/* The table and the function are on the stack, and what is given to it. An error
   is kept for whoever runs the loop, which ends. */
static void call(lua_State *L, int arguments)
{
  if (lua_pcall(L, arguments, 0, 0) != LUA_OK) {
    lua_createtable(L, 1, 0);
    lua_insert(L, -2);
    lua_rawseti(L, -2, 1);
    lua_setfield(L, -2, "error");
    ev_break(state.loop, EVBREAK_ONE);
  }
  lua_pop(L, 1);
}

static lua_State *begin(void)
{
  if (state.L == NULL || !lua_checkstack(state.L, 8))
    return NULL;
  lua_rawgetp(state.L, LUA_REGISTRYINDEX, &key);
  return state.L;
}

static void on_io(struct ev_loop *loop, ev_io *io, int events)
{
  lua_State *L = begin();
  (void)loop;
  if (L == NULL)
    return;
  lua_rawgeti(L, -1, io->fd);
  lua_pushinteger(L, io->fd);
  lua_pushstring(L, event_name(events));
  call(L, 2);
}

static void on_timer(struct ev_loop *loop, ev_timer *timer, int events)
{
  lua_State *L = begin();
  (void)loop, (void)timer, (void)events;
  if (L == NULL)
    return;
  lua_getfield(L, -1, "timer");
  call(L, 0);
}

static void on_alarm(struct ev_loop *loop, ev_timer *timer, int events)
{
  (void)loop, (void)timer, (void)events; /* its only job was to end a step */
}

static Watch *watch_at(lua_State *L, int fd)
{
  if (fd >= state.room) {
    int room = state.room > 0 ? state.room : 64;
    Watch **watches;
    while (room <= fd)
      room = room > INT_MAX / 2 ? INT_MAX : room * 2;
    watches = realloc(state.watches, (size_t)room * sizeof *watches);
    if (watches == NULL)
      luaL_error(L, "not enough memory");
    while (state.room < room)
      watches[state.room++] = NULL;
    state.watches = watches;
  }
  if (state.watches[fd] == NULL) {
    Watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL)
      luaL_error(L, "not enough memory");
    ev_init(&watch->io, on_io);
    state.watches[fd] = watch;
  }
  return state.watches[fd];
}

/*** Watches a descriptor, or changes for what.
@param fd descriptor
@param what "in", "out" or "inout"; nil: not any more
@param fn function(fd, event) with "in", "out", "inout" or "err"
@see ev_io in ev(3) */
static int ev_watch(lua_State *L)
{
  static const char *const names[] = { "in", "out", "inout", NULL };
  static const int masks[] = { EV_READ, EV_WRITE, EV_READ | EV_WRITE };
  lua_Integer fd = luaL_checkinteger(L, 1);
  Watch *watch;
  luaL_argcheck(L, fd >= 0 && fd < INT_MAX, 1, "descriptor expected");
  watch = watch_at(L, (int)fd);
  ev_io_stop(state.loop, &watch->io);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
  if (lua_isnoneornil(L, 2))
    lua_pushnil(L);
  else {
    int events = masks[luaL_checkoption(L, 2, NULL, names)];
    luaL_checktype(L, 3, LUA_TFUNCTION);
    ev_io_set(&watch->io, (int)fd, events);
    ev_io_start(state.loop, &watch->io);
    lua_pushvalue(L, 3);
  }
  lua_rawseti(L, -2, (int)fd);
  return 0;
}

/*** Sets the one timer.
@param seconds nil: not any more
@param fn function() */
static int ev_set_timer(lua_State *L)
{
  ev_timer_stop(state.loop, &state.timer);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
  if (lua_isnoneornil(L, 1))
    lua_pushnil(L);
  else {
    lua_Number seconds = luaL_checknumber(L, 1);
    luaL_checktype(L, 2, LUA_TFUNCTION);
    ev_now_update(state.loop);
    ev_timer_set(&state.timer, seconds > 0 ? seconds : 0, 0);
    ev_timer_start(state.loop, &state.timer);
    lua_pushvalue(L, 2);
  }
  lua_setfield(L, -2, "timer");
  return 0;
}

static int run(lua_State *L, int flags)
{
  if (ev_depth(state.loop) > 0)
    return luaL_error(L, "the loop is running");
  (void)ev_run(state.loop, flags);
  lua_rawgetp(L, LUA_REGISTRYINDEX, &key);
  lua_getfield(L, -1, "error");
  if (lua_isnil(L, -1))
    return 0;
  lua_pushnil(L);
  lua_setfield(L, -3, "error");
  lua_rawgeti(L, -1, 1);
  return lua_error(L);
}

/*** Runs the loop once.
@param seconds to wait at most; nil: until something happens
@raise what a callback raised
@see ev_run in ev(3) */
static int ev_step(lua_State *L)
{
  int result;
  if (lua_isnoneornil(L, 1))
    return run(L, EVRUN_ONCE);
  if (!(luaL_checknumber(L, 1) > 0))
    return run(L, EVRUN_NOWAIT);
  ev_now_update(state.loop);
  ev_timer_set(&state.alarm, lua_tonumber(L, 1), 0);
  ev_timer_start(state.loop, &state.alarm);
  result = run(L, EVRUN_ONCE);
  ev_timer_stop(state.loop, &state.alarm);
  return result;
}

/*** Runs the loop until nothing in it is active: for a script without a host.
@raise what a callback raised */
static int ev_loop_all(lua_State *L)
{
  return run(L, 0);
}

/*** Whether the loop is being run. @return boolean */
static int ev_is_running(lua_State *L)
{
  lua_pushboolean(L, ev_depth(state.loop) > 0);
  return 1;
}

/* The state is being closed: what is still watched calls nobody. */
static int ev_gc(lua_State *L)
{
  int fd;
  (void)L;
  state.L = NULL;
  ev_timer_stop(state.loop, &state.timer);
  ev_timer_stop(state.loop, &state.alarm);
  for (fd = 0; fd < state.room; fd++)
    if (state.watches[fd] != NULL) {
      ev_io_stop(state.loop, &state.watches[fd]->io);
      free(state.watches[fd]);
    }
  free(state.watches);
  state.watches = NULL;
  state.room = 0;
  return 0;
}

static const luaL_Reg functions[] = {
  { "watch", ev_watch },  { "timer", ev_set_timer },       { "step", ev_step },
  { "run", ev_loop_all }, { "is_running", ev_is_running }, { NULL, NULL },
};

EXPORT int luaopen_multisock_ev(lua_State *L)
{
  luaL_checkversion(L);
  if (state.L != NULL)
    return luaL_error(L, "libev's default loop is used by another Lua state");
  state.loop = ev_default_loop(EVFLAG_AUTO);
  if (state.loop == NULL)
    return luaL_error(L, "libev cannot make its default loop");
  ev_init(&state.timer, on_timer);
  ev_init(&state.alarm, on_alarm);
  lua_newtable(L);
  state.L = lua_newthread(L);
  lua_setfield(L, -2, "thread");
  (void)compat_newuserdata(L, 1); /* its end is that of the state */
  lua_newtable(L);
  lua_pushcfunction(L, ev_gc);
  lua_setfield(L, -2, "__gc");
  lua_setmetatable(L, -2);
  lua_setfield(L, -2, "guard");
  lua_rawsetp(L, LUA_REGISTRYINDEX, &key);
  lua_newtable(L);
  luaL_setfuncs(L, functions, 0);
  lua_pushfstring(L, "%d.%d", ev_version_major(), ev_version_minor());
  lua_setfield(L, -2, "version");
  return 1;
}

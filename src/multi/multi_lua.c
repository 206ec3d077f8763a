/* The agnostic interface of a multi: its callbacks as Lua functions, and the
   calls with which any event loop drives it. */
#include "multi_lua.h"

#include <limits.h>

#include "error.h"

int multi_fail(lua_State *L, CURLMcode code)
{
  lua_pushnil(L);
  error_push_multi(L, code);
  return 2;
}

/* ---- Errors of callbacks ---- */

/* The first one counts. */
void multi_keep_error(lua_State *L, Multi *multi)
{
  if (!multi->failed_in_lua) {
    multi_push_values(L, multi);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "error");
    lua_pop(L, 1);
    multi->failed_in_lua = true;
    if (multi->loop != NULL)
      multi->side->fail(multi->loop, multi);
  }
  lua_pop(L, 1);
}

void multi_rethrow(lua_State *L, Multi *multi)
{
  multi->failed_in_lua = false;
  multi_push_values(L, multi);
  lua_getfield(L, -1, "error");
  lua_pushnil(L);
  lua_setfield(L, -3, "error");
  lua_error(L);
}

void multi_check_callbacks(lua_State *L, Multi *multi)
{
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
}

/* ---- Callbacks ---- */

lua_State *multi_callback_begin(Multi *multi, const char *name)
{
  lua_State *L = multi->callbacks;
  if (!lua_checkstack(L, 16))
    return NULL;
  multi_push_values(L, multi);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    return NULL;
  }
  lua_getfield(L, -1, name);
  if (lua_isfunction(L, -1))
    return L;
  lua_pop(L, 2);
  return NULL;
}

void multi_callback_call(lua_State *L, Multi *multi, int arguments)
{
  if (lua_pcall(L, arguments, 0, 0) != LUA_OK)
    multi_keep_error(L, multi);
  lua_pop(L, 1); /* the values table */
}

void multi_push_easy(lua_State *L, CURL *handle)
{
  Easy *easy = NULL;
  if (handle != NULL)
    (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy == NULL)
    lua_pushnil(L);
  else
    easy_push(L, easy);
}

static const char *const what_names[] = { "none", "in", "out", "inout",
                                          "remove" };

/* Values given to assign, by descriptor, live in this field. libcurl keeps
   for each socket only whether there is one. */
#define ASSIGNED "assigned"

/* Pushes the value of this descriptor; forgets it with the socket. The values
   table of the multi is at stack index `values`. */
static void push_assigned(lua_State *L, int values, curl_socket_t fd, int what)
{
  lua_getfield(L, values, ASSIGNED);
  lua_rawgeti(L, -1, (lua_Integer)fd);
  if (what == CURL_POLL_REMOVE) {
    lua_pushnil(L);
    lua_rawseti(L, -3, (lua_Integer)fd);
  }
  lua_remove(L, -2);
}

int multi_on_socket(CURL *handle, curl_socket_t fd, int what, void *data,
                    void *assigned)
{
  Multi *multi = data;
  lua_State *L = multi_callback_begin(multi, "socketfunction");
  int values;
  if (what == CURL_POLL_REMOVE && multi->driven.tells_removed)
    multi_removed(handle, multi);
  if (what != CURL_POLL_REMOVE)
    ports_note(&multi->ports, fd, what != CURL_POLL_IN);
  if (L == NULL)
    return 0;
  values = lua_gettop(L) - 1;
  multi_push_easy(L, handle);
  lua_pushinteger(L, (lua_Integer)fd);
  lua_pushstring(L, what_names[what <= CURL_POLL_REMOVE ? what : 0]);
  if (assigned != NULL)
    push_assigned(L, values, fd, what);
  else
    lua_pushnil(L);
  multi_callback_call(L, multi, 4);
  return 0; /* -1 would kill every transfer */
}

int multi_on_timer(CURLM *handle, long ms, void *data)
{
  Multi *multi = data;
  lua_State *L = multi_callback_begin(multi, "timerfunction");
  (void)handle;
  if (L == NULL)
    return 0;
  if (ms < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, ms);
  multi_callback_call(L, multi, 1);
  return 0;
}

/* ---- Options ---- */

/*** Sets options. `socketfunction(easy, fd, what, assigned)`, with `what` one
of "in" "out" "inout" "remove", and `timerfunction(ms)`, with nil to delete
the timer, must be set before the first transfer is added.
`pushfunction(parent, pushed, headers)` is asked about each stream that an
HTTP/2 server pushes, `notifyfunction(kind, easy)` is told what notify_enable
names. core.multi_options() lists all of them.
@param name string|table: an option, or a table of options and values
@param value? any; nil: back to the default
@return self; or nil, err
@raise on an unknown name, a wrong type, or in a callback of this multi
@see curl_multi_setopt(3) */
static int multi_setopt(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "setopt");
  bool set = true;
  if (lua_istable(L, 2)) {
    lua_settop(L, 2);
    lua_pushnil(L);
    while (set && lua_next(L, 2) != 0) {
      set = multi_option_set(L, multi, 3, 4);
      if (set)
        lua_settop(L, 3);
    }
  }
  else {
    luaL_checkany(L, 3);
    lua_settop(L, 3);
    set = multi_option_set(L, multi, 2, 3);
  }
  multi_check_callbacks(L, multi);
  if (!set)
    return error_return(L);
  lua_settop(L, 1);
  return 1;
}

/* ---- Driving ---- */

/* The multi at index 1, for a call that drives it. What happens to its sockets
   in such a call would pass by a loop that drives it too. */
static Multi *check_driven_by_hand(lua_State *L, const char *what)
{
  Multi *multi = multi_check_idle(L, 1, what);
  if (multi->loop != NULL)
    luaL_error(L, "%s: a loop drives this multi", what);
  return multi;
}

static int finish(lua_State *L, Multi *multi, CURLMcode code, int running)
{
  multi_check_callbacks(L, multi);
  if (code != CURLM_OK) {
    multi_failed(code, multi);
    return multi_fail(L, code);
  }
  lua_pushinteger(L, running);
  return 1;
}

/*** Tells libcurl what happened on a socket, or that its timer is due.
@param fd? descriptor; nil: the timer (CURL_SOCKET_TIMEOUT)
@param what? "in"|"out"|"inout"|"err"; nil lets libcurl look for itself
@return count of running transfers; or nil, err
@raise what a socket, timer, push or notify callback raised; in a callback of
this multi; when a loop drives it
@see curl_multi_socket_action(3) */
static int multi_socket_action(lua_State *L)
{
  static const char *const names[] = { "in", "out", "inout", "err", NULL };
  static const int masks[] = { CURL_CSELECT_IN, CURL_CSELECT_OUT,
                               CURL_CSELECT_IN | CURL_CSELECT_OUT,
                               CURL_CSELECT_IN | CURL_CSELECT_OUT |
                                   CURL_CSELECT_ERR };
  Multi *multi = check_driven_by_hand(L, "socket_action");
  curl_socket_t fd = lua_isnoneornil(L, 2)
                         ? CURL_SOCKET_TIMEOUT
                         : (curl_socket_t)luaL_checkinteger(L, 2);
  int mask =
      lua_isnoneornil(L, 3) ? 0 : masks[luaL_checkoption(L, 3, NULL, names)];
  int running = 0;
  CURLMcode code;
  multi_enter(multi);
  code = curl_multi_socket_action(multi->handle, fd, mask, &running);
  multi_leave(multi);
  return finish(L, multi, code, running);
}

/*** Does what can be done now, for a program without an event loop.
@return count of running transfers; or nil, err
@raise as socket_action
@see curl_multi_perform(3) */
static int multi_perform(lua_State *L)
{
  Multi *multi = check_driven_by_hand(L, "perform");
  int running = 0;
  CURLMcode code;
  multi_enter(multi);
  code = curl_multi_perform(multi->handle, &running);
  multi_leave(multi);
  return finish(L, multi, code, running);
}

/*** Acts on every socket and transfer, whether something happened or not: slow.
Deprecated by libcurl, but what cures refused connections before 8.4.
@return count of running transfers; or nil, err
@raise as socket_action
@see curl_multi_socket_all(3) */
static int multi_socket_all(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "socket_all");
  int running = 0;
  CURLMcode code;
  multi_enter(multi);
  CURL_IGNORE_DEPRECATION(code =
                              curl_multi_socket_all(multi->handle, &running);)
  multi_leave(multi);
  return finish(L, multi, code, running);
}

/*** Keeps a value for a socket: the socket callback gets it as its fourth
argument until libcurl says "remove". May be called in that callback.
@param fd descriptor that libcurl has asked to watch
@param value? any; nil forgets
@return self; or nil, err when libcurl does not use this socket now
@raise when a loop drives this multi
@see curl_multi_assign(3) */
static int multi_assign(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  lua_Integer fd = luaL_checkinteger(L, 2);
  CURLMcode code;
  lua_settop(L, 3);
  if (multi->loop != NULL)
    return luaL_error(L, "assign: a loop drives this multi");
  code = fd < 0 || fd > INT_MAX
             ? CURLM_BAD_SOCKET
             : curl_multi_assign(multi->handle, (curl_socket_t)fd,
                                 lua_isnil(L, 3) ? NULL : multi);
  if (code != CURLM_OK)
    return multi_fail(L, code);
  compat_getuservalue(L, 1);
  lua_getfield(L, -1, ASSIGNED);
  if (!lua_istable(L, -1)) {
    lua_pop(L, 1);
    lua_newtable(L);
    lua_pushvalue(L, -1);
    lua_setfield(L, -3, ASSIGNED);
  }
  lua_pushvalue(L, 3);
  lua_rawseti(L, -2, fd);
  lua_settop(L, 1);
  return 1;
}

/*** Hands over the transfers of the fetch path that have something to tell,
for a multi that no loop of ours drives. See loop:ready.
@return last, count
@local */
static int multi_ready(lua_State *L)
{
  return ready_take(L, &multi_check(L, 1)->own_ready);
}

/*** Whether TLS connects without parsing a file of authorities first: libcurl
keeps the last one that it parsed, in each multi.
@return boolean
@local */
static int multi_is_warm(lua_State *L)
{
  lua_pushboolean(L, multi_check(L, 1)->warm);
  return 1;
}

const luaL_Reg multi_lua_methods[] = {
  { "setopt", multi_setopt },   { "socket_action", multi_socket_action },
  { "perform", multi_perform }, { "assign", multi_assign },
  { "ready", multi_ready },     { "socket_all", multi_socket_all },
  { "is_warm", multi_is_warm }, { NULL, NULL },
};

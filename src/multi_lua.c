/* The agnostic interface of a multi: socket and timer callbacks as Lua
   functions, and the calls with which any event loop drives it. */
#include "multi.h"

#include <limits.h>
#include <string.h>

#include "error.h"

static int fail(lua_State *L, CURLMcode code)
{
  lua_pushnil(L);
  error_push_multi(L, code);
  return 2;
}

/* ---- Callbacks ---- */

/* Keeps the error on top of the stack (popped): it is raised by the call
   that drives the multi, once libcurl has returned. The first one counts. */
static void keep_error(lua_State *L, Multi *multi)
{
  if (!multi->failed_in_lua) {
    multi_push_values(L, multi);
    lua_pushvalue(L, -2);
    lua_setfield(L, -2, "error");
    lua_pop(L, 1);
    multi->failed_in_lua = true;
  }
  lua_pop(L, 1);
}

void multi_rethrow(lua_State *L, Multi *multi, int self)
{
  multi->failed_in_lua = false;
  compat_getuservalue(L, self);
  lua_getfield(L, -1, "error");
  lua_pushnil(L);
  lua_setfield(L, -3, "error");
  lua_error(L);
}

/* Pushes the values table and the callback; NULL when there is none. */
static lua_State *begin(Multi *multi, const char *name)
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

static void call(lua_State *L, Multi *multi, int arguments)
{
  if (lua_pcall(L, arguments, 0, 0) != LUA_OK)
    keep_error(L, multi);
  lua_pop(L, 1);                   /* the values table */
}

static const char *const what_names[] = {
  "none", "in", "out", "inout", "remove"
};

/* Values given to assign, by descriptor, live in this field. */
#define ASSIGNED "assigned"

static int on_socket(CURL *handle, curl_socket_t fd, int what, void *data,
                     void *assigned)
{
  Multi *multi = data;
  Easy *easy = NULL;
  lua_State *L = begin(multi, "socketfunction");
  (void)assigned;                  /* Lua's values are kept by descriptor */
  if (L == NULL)
    return 0;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy == NULL)
    lua_pushnil(L);                /* one of libcurl's own handles */
  else
    easy_push(L, easy);
  lua_pushinteger(L, (lua_Integer)fd);
  lua_pushstring(L, what_names[what <= CURL_POLL_REMOVE ? what : 0]);
  lua_getfield(L, -5, ASSIGNED);
  if (lua_istable(L, -1)) {
    lua_rawgeti(L, -1, (lua_Integer)fd);
    lua_remove(L, -2);
    if (what == CURL_POLL_REMOVE) {
      lua_getfield(L, -6, ASSIGNED);
      lua_pushnil(L);
      lua_rawseti(L, -2, (lua_Integer)fd);
      lua_pop(L, 1);
    }
  }
  call(L, multi, 4);
  return 0;                        /* -1 would kill every transfer */
}

static int on_timer(CURLM *handle, long ms, void *data)
{
  Multi *multi = data;
  lua_State *L = begin(multi, "timerfunction");
  (void)handle;
  if (L == NULL)
    return 0;
  if (ms < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, ms);
  call(L, multi, 1);
  return 0;
}

/* ---- Options ---- */

typedef struct MultiOption {
  const char *name;
  int id;                  /* numbers never change; headers may be older */
} MultiOption;

static const MultiOption options[] = {
  { "pipelining", 3 }, { "maxconnects", 6 }, { "max_host_connections", 7 },
  { "max_pipeline_length", 8 }, { "max_total_connections", 13 },
  { "max_concurrent_streams", 16 }, { "network_changed", 17 },
  { "resolve_threads_max", 20 }, { "quick_exit", 21 },
};

static CURLMcode set_callback(lua_State *L, Multi *multi, const char *name,
                              int value)
{
  bool socket = strcmp(name, "socketfunction") == 0;
  bool on = !lua_isnil(L, value);
  CURLMcode code;
  if (on && !lua_isfunction(L, value))
    luaL_error(L, "option '%s': function expected, got %s", name,
               luaL_typename(L, value));
  if (multi->loop != NULL)
    luaL_error(L, "option '%s': a loop drives this multi", name);
  compat_getuservalue(L, 1);
  lua_pushvalue(L, value);
  lua_setfield(L, -2, name);
  lua_pop(L, 1);
  if (socket) {
    code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETFUNCTION,
                             on ? on_socket : NULL);
    if (code == CURLM_OK)
      code = curl_multi_setopt(multi->handle, CURLMOPT_SOCKETDATA, multi);
    return code;
  }
  code = curl_multi_setopt(multi->handle, CURLMOPT_TIMERFUNCTION,
                           on ? on_timer : NULL);
  if (code == CURLM_OK)
    code = curl_multi_setopt(multi->handle, CURLMOPT_TIMERDATA, multi);
  return code;
}

static CURLMcode set_option(lua_State *L, Multi *multi, int name, int value)
{
  const char *text = luaL_checkstring(L, name);
  size_t i;
  if (strcmp(text, "socketfunction") == 0 ||
      strcmp(text, "timerfunction") == 0)
    return set_callback(L, multi, text, value);
  for (i = 0; i < sizeof options / sizeof *options; i++) {
    lua_Integer number;
    if (strcmp(options[i].name, text) != 0)
      continue;
    if (lua_isboolean(L, value))
      number = lua_toboolean(L, value);
    else {
      if (!lua_isinteger(L, value))
        luaL_error(L, "option '%s': integer expected, got %s", text,
                   luaL_typename(L, value));
      number = lua_tointeger(L, value);
      if (number < 0 || number > LONG_MAX)
        luaL_error(L, "option '%s': %I is out of range", text,
                   (LUAI_UACINT)number);
    }
    return curl_multi_setopt(multi->handle, (CURLMoption)options[i].id,
                             (long)number);
  }
  return luaL_error(L, "unknown multi option '%s'", text), CURLM_OK;
}

/*** Sets options. `socketfunction(easy, fd, what, assigned)`, with `what` one
of "in" "out" "inout" "remove", and `timerfunction(ms)`, with nil to delete
the timer, must be set before the first transfer is added.
@param name option, or a table of options and values
@return self; or nil, err
@raise on an unknown name or a wrong type
@see curl_multi_setopt(3) */
static int multi_setopt(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "setopt");
  CURLMcode code = CURLM_OK;
  if (lua_istable(L, 2)) {
    lua_settop(L, 2);
    lua_pushnil(L);
    while (code == CURLM_OK && lua_next(L, 2) != 0) {
      code = set_option(L, multi, 3, 4);
      lua_settop(L, 3);
    }
  }
  else {
    lua_settop(L, 3);
    code = set_option(L, multi, 2, 3);
  }
  if (code != CURLM_OK)
    return fail(L, code);
  lua_settop(L, 1);
  return 1;
}

/* ---- Driving ---- */

static int finish(lua_State *L, Multi *multi, CURLMcode code, int running)
{
  if (multi->failed_in_lua)
    multi_rethrow(L, multi, 1);
  if (code != CURLM_OK) {
    multi_failed(code, multi);
    return fail(L, code);
  }
  lua_pushinteger(L, running);
  return 1;
}

/*** Tells libcurl what happened on a socket, or that its timer is due.
@param fd descriptor; nil for the timer (CURL_SOCKET_TIMEOUT)
@param what "in" "out" "inout" or "err"; nil lets libcurl look for itself
@return count of running transfers; or nil, err
@raise what a socket or timer callback raised; in a callback of this multi
@see curl_multi_socket_action(3) */
static int multi_socket_action(lua_State *L)
{
  static const char *const names[] = { "in", "out", "inout", "err", NULL };
  static const int masks[] = {
    CURL_CSELECT_IN, CURL_CSELECT_OUT, CURL_CSELECT_IN | CURL_CSELECT_OUT,
    CURL_CSELECT_IN | CURL_CSELECT_OUT | CURL_CSELECT_ERR
  };
  Multi *multi = multi_check_idle(L, 1, "socket_action");
  curl_socket_t fd = lua_isnoneornil(L, 2)
                       ? CURL_SOCKET_TIMEOUT
                       : (curl_socket_t)luaL_checkinteger(L, 2);
  int mask = lua_isnoneornil(L, 3) ? 0
                                   : masks[luaL_checkoption(L, 3, NULL,
                                                            names)];
  int running = 0;
  CURLMcode code;
  multi_enter(multi);
  code = curl_multi_socket_action(multi->handle, fd, mask, &running);
  multi_leave(multi);
  return finish(L, multi, code, running);
}

/*** Does what can be done now, for a program without an event loop.
@return count of running transfers; or nil, err
@see curl_multi_perform(3) */
static int multi_perform(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "perform");
  int running = 0;
  CURLMcode code;
  multi_enter(multi);
  code = curl_multi_perform(multi->handle, &running);
  multi_leave(multi);
  return finish(L, multi, code, running);
}

static int check_ms(lua_State *L, int idx)
{
  lua_Integer ms = luaL_checkinteger(L, idx);
  luaL_argcheck(L, ms >= 0 && ms <= INT_MAX, idx, "milliseconds expected");
  return (int)ms;
}

/*** Waits for activity on any transfer.
@param ms milliseconds at most
@return count of descriptors with activity; or nil, err
@see curl_multi_poll(3) */
static int multi_poll(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "poll");
  int count = 0;
  CURLMcode code = curl_multi_poll(multi->handle, NULL, 0, check_ms(L, 2),
                                   &count);
  return finish(L, multi, code, count);
}

/*** The same as poll, but returns at once when there is nothing to wait for.
@see curl_multi_wait(3) */
static int multi_wait(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "wait");
  int count = 0;
  CURLMcode code = curl_multi_wait(multi->handle, NULL, 0, check_ms(L, 2),
                                   &count);
  return finish(L, multi, code, count);
}

/*** Ends a poll that runs in another thread.
@return self; or nil, err
@see curl_multi_wakeup(3) */
static int multi_wakeup(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  CURLMcode code = curl_multi_wakeup(multi->handle);
  if (code != CURLM_OK)
    return fail(L, code);
  lua_settop(L, 1);
  return 1;
}

/*** When the timer is due, for a program that does not keep it.
@return milliseconds, nil for never; or nil, err
@see curl_multi_timeout(3) */
static int multi_timeout(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  long ms = -1;
  CURLMcode code = curl_multi_timeout(multi->handle, &ms);
  if (code != CURLM_OK)
    return fail(L, code);
  if (ms < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, ms);
  return 1;
}

/*** Keeps a value for a socket: the socket callback gets it as its fourth
argument until libcurl says "remove". May be called in that callback.
@param fd descriptor
@param value anything; nil forgets
@return self
@see curl_multi_assign(3) */
static int multi_assign(lua_State *L)
{
  lua_Integer fd;
  (void)multi_check(L, 1);
  fd = luaL_checkinteger(L, 2);
  lua_settop(L, 3);
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
for a multi that no loop of ours drives. See loop:news.
@return last, count */
static int multi_news(lua_State *L)
{
  return news_take(L, &multi_check(L, 1)->own_news);
}

const luaL_Reg multi_lua_methods[] = {
  { "setopt", multi_setopt },
  { "socket_action", multi_socket_action },
  { "perform", multi_perform },   { "poll", multi_poll },
  { "wait", multi_wait },         { "wakeup", multi_wakeup },
  { "timeout", multi_timeout },   { "assign", multi_assign },
  { "news", multi_news },         { NULL, NULL }
};

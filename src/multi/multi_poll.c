/* Waiting with a multi, and what it knows of itself. With descriptors of the
   caller's beside libcurl's own, poll and wait are a poller for anything. */
#include "multi_lua.h"

#include <limits.h>
#include <string.h>

#include "error.h"
#include "fields.h"
#include "newer.h"

static int check_ms(lua_State *L, int idx)
{
  lua_Integer ms = luaL_checkinteger(L, idx);
  luaL_argcheck(L, ms >= 0 && ms <= INT_MAX, idx, "milliseconds expected");
  return (int)ms;
}

/* ---- Descriptors of the caller ---- */

#define IN CURL_WAIT_POLLIN
#define OUT CURL_WAIT_POLLOUT
#define PRI CURL_WAIT_POLLPRI

/* "pri" is reported only to whoever asked for it, and for nothing else. */
static const char *event_name(int events)
{
  if (events & PRI)
    return "pri";
  if (events & IN)
    return events & OUT ? "inout" : "in";
  return "out";
}

/* The entry on top of the stack. */
static void check_entry(lua_State *L, int i, struct curl_waitfd *wait)
{
  static const char *const names[] = { "in", "out", "inout", "pri", NULL };
  static const short masks[] = { IN, OUT, IN | OUT, PRI };
  lua_Integer fd;
  const char *name;
  int row, exact;
  if (!lua_istable(L, -1))
    luaL_error(L, "fds[%d]: table with fd and events expected, got %s", i,
               luaL_typename(L, -1));
  lua_getfield(L, -1, "fd");
  fd = lua_tointegerx(L, -1, &exact);
  if (!exact || lua_type(L, -1) != LUA_TNUMBER || fd < 0 || fd > INT_MAX)
    luaL_error(L, "fds[%d].fd: descriptor expected, got %s", i,
               luaL_tolstring(L, -1, NULL));
  lua_getfield(L, -2, "events");
  name = lua_isnil(L, -1) ? "in" : lua_tostring(L, -1);
  for (row = 0; names[row] != NULL; row++)
    if (name != NULL && strcmp(names[row], name) == 0)
      break;
  if (names[row] == NULL)
    luaL_error(L,
               "fds[%d].events: 'in', 'out', 'inout' or 'pri' expected, "
               "got %s",
               i, luaL_tolstring(L, -1, NULL));
  wait->fd = (curl_socket_t)fd;
  wait->events = masks[row];
  wait->revents = 0;
  lua_pop(L, 2);
}

/* The list at `idx` as an array that the collector frees. */
static struct curl_waitfd *check_fds(lua_State *L, int idx, unsigned int *count)
{
  struct curl_waitfd *fds;
  unsigned int i;
  *count = 0;
  if (lua_isnoneornil(L, idx))
    return NULL;
  luaL_checktype(L, idx, LUA_TTABLE);
  *count = (unsigned int)lua_rawlen(L, idx);
  fds = compat_newbytes(L, (*count + 1) * sizeof *fds);
  for (i = 0; i < *count; i++) {
    lua_rawgeti(L, idx, (lua_Integer)i + 1);
    check_entry(L, (int)i + 1, &fds[i]);
    lua_pop(L, 1);
  }
  return fds;
}

static void push_fd(lua_State *L, const struct curl_waitfd *wait, int events)
{
  lua_createtable(L, 0, 2);
  field_integer(L, "fd", wait->fd);
  field_string(L, "events", event_name(events));
}

static void push_ready(lua_State *L, const struct curl_waitfd *fds,
                       unsigned int count)
{
  lua_Integer ready = 0;
  unsigned int i;
  lua_newtable(L);
  for (i = 0; i < count; i++) {
    if (fds[i].revents == 0)
      continue;
    push_fd(L, &fds[i], fds[i].revents);
    lua_rawseti(L, -2, ++ready);
  }
}

/* ---- Waiting ---- */

typedef CURLMcode (*WaitFunction)(CURLM *multi, struct curl_waitfd fds[],
                                  unsigned int count, int ms, int *ready);

static int wait_with(lua_State *L, const char *what, WaitFunction function)
{
  Multi *multi = multi_check_idle(L, 1, what);
  int ms = check_ms(L, 2), ready = 0;
  unsigned int count;
  struct curl_waitfd *fds = check_fds(L, 3, &count);
  CURLMcode code;
  multi_enter(multi);
  code = function(multi->handle, fds, count, ms, &ready);
  multi_leave(multi);
  multi_check_callbacks(L, multi);
  if (code != CURLM_OK)
    return multi_fail(L, code);
  lua_pushinteger(L, ready);
  if (fds == NULL)
    return 1;
  push_ready(L, fds, count);
  return 2;
}

/*** Waits for activity on any transfer, or on descriptors of the caller.
@param ms milliseconds at most
@param fds? table: a list of {fd=, events=}, with events "in" (the default),
"out", "inout" or "pri"
@return count, list: how many descriptors have activity, and those of `fds` that
are ready, in the same form; or nil, err
@raise in a callback of this multi
@see curl_multi_poll(3) */
static int multi_poll(lua_State *L)
{
  return wait_with(L, "poll", curl_multi_poll);
}

/*** The same as poll, but returns at once when there is nothing to wait for.
@param ms milliseconds at most
@param fds? table as for poll
@return count, list; or nil, err
@see curl_multi_wait(3) */
static int multi_wait(lua_State *L)
{
  return wait_with(L, "wait", curl_multi_wait);
}

/*** Ends a poll that runs in another thread, or the next one.
@return self; or nil, err
@see curl_multi_wakeup(3) */
static int multi_wakeup(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  CURLMcode code = curl_multi_wakeup(multi->handle);
  if (code != CURLM_OK)
    return multi_fail(L, code);
  lua_settop(L, 1);
  return 1;
}

/*** When the timer is due, for a program that does not keep it.
@return milliseconds; nil: never; or nil, err
@see curl_multi_timeout(3) */
static int multi_timeout(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  long ms = -1;
  CURLMcode code = curl_multi_timeout(multi->handle, &ms);
  if (code != CURLM_OK)
    return multi_fail(L, code);
  if (ms < 0)
    lua_pushnil(L);
  else
    lua_pushinteger(L, ms);
  return 1;
}

/* ---- What it knows ---- */

static int fail_needs(lua_State *L, const char *what, unsigned int version)
{
  lua_pushnil(L);
  error_push_needs(L, what, version);
  return 2;
}

/*** The sockets that libcurl waits for, for a program that calls perform when
one of them is ready.
@return list of {fd=, events=}; or nil, err: needs libcurl 8.8
@see curl_multi_waitfds(3) */
static int multi_waitfds(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "waitfds");
  unsigned int room = 64, count = 0, i;
  struct curl_waitfd *fds;
  CURLMcode code;
  if (newer_waitfds == NULL)
    return fail_needs(L, "waitfds", NEWER_WAITFDS);
  fds = compat_newbytes(L, room * sizeof *fds);
  while ((code = newer_waitfds(multi->handle, fds, room, &count)) ==
             CURLM_OUT_OF_MEMORY &&
         count > room) {
    room = count;
    fds = compat_newbytes(L, room * sizeof *fds);
  }
  if (code != CURLM_OK)
    return multi_fail(L, code);
  lua_createtable(L, (int)count, 0);
  for (i = 0; i < count; i++) {
    push_fd(L, &fds[i], fds[i].events);
    lua_rawseti(L, -2, (lua_Integer)i + 1);
  }
  return 1;
}

/*** A count of transfers that libcurl keeps.
@param name "xfers_current" (added), "xfers_running", "xfers_pending" (waiting
to start), "xfers_done" (not yet read by info_read) or "xfers_added" (ever)
@return integer; or nil, err: needs libcurl 8.16
@see curl_multi_get_offt(3) */
static int multi_get_offt(lua_State *L)
{
  static const char *const names[] = { "xfers_current", "xfers_running",
                                       "xfers_pending", "xfers_done",
                                       "xfers_added",   NULL };
  Multi *multi = multi_check(L, 1);
  int info = luaL_checkoption(L, 2, NULL, names) + 1;
  curl_off_t value = 0;
  CURLMcode code;
  if (newer_get_offt == NULL)
    return fail_needs(L, "get_offt", NEWER_GET_OFFT);
  code = newer_get_offt(multi->handle, info, &value);
  if (code != CURLM_OK)
    return multi_fail(L, code);
  lua_pushinteger(L, (lua_Integer)value);
  return 1;
}

/*** The transfers in this multi, oldest first, those that have ended included.
Of our own list, so that every libcurl has it.
@return list of core.Easy
@see curl_multi_get_handles(3) */
static int multi_get_handles(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  const Easy *easy;
  lua_Integer i = 0;
  for (easy = multi->first; easy != NULL; easy = easy->next)
    i += !easy->orphan;
  lua_createtable(L, multi->added, 0);
  for (easy = multi->first; easy != NULL; easy = easy->next) {
    if (easy->orphan)
      continue; /* closed in a callback */
    easy_push(L, easy);
    lua_rawseti(L, -2, i--);
  }
  return 1;
}

const luaL_Reg multi_poll_methods[] = {
  { "poll", multi_poll },
  { "wait", multi_wait },
  { "wakeup", multi_wakeup },
  { "timeout", multi_timeout },
  { "waitfds", multi_waitfds },
  { "get_offt", multi_get_offt },
  { "get_handles", multi_get_handles },
  { NULL, NULL },
};

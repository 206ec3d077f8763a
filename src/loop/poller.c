/* poll(2) for Lua: a set of descriptors that is kept between calls, so that a
   turn of a loop costs one system call and no table per descriptor. Used by
   lua/multisock/loop/poll.lua. */
#include "poller.h"

#include <errno.h>
#include <limits.h>
#include <math.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>

static const char poller_type[] = "multisock.poller";

typedef struct Poller {
  const void *self;    /* see Owner in owner.h; it is memory alone */
  struct pollfd *list; /* without gaps, in no order */
  int count, room;
  int *places; /* by descriptor: its place in the list, or -1 */
  int known;   /* descriptors that `places` has room for */
} Poller;

static Poller *poller_check(lua_State *L, int idx)
{
  Poller *poller = compat_checkudata(L, idx, poller_type);
  if (poller->self != poller)
    luaL_argerror(L, idx, "the poller is of another Lua state");
  return poller;
}

/* ---- The set ---- */

static bool places_grow(Poller *poller, int fd)
{
  int known = poller->known > 0 ? poller->known : 64;
  int *places;
  if (fd < poller->known)
    return true;
  while (known <= fd)
    known = known > INT_MAX / 2 ? INT_MAX : known * 2;
  places = realloc(poller->places, (size_t)known * sizeof *places);
  if (places == NULL)
    return false;
  while (poller->known < known)
    places[poller->known++] = -1;
  poller->places = places;
  return true;
}

static bool list_grow(Poller *poller)
{
  int room = poller->room > 0 ? poller->room * 2 : 64;
  struct pollfd *list;
  if (poller->count < poller->room)
    return true;
  list = realloc(poller->list, (size_t)room * sizeof *list);
  if (list == NULL)
    return false;
  poller->list = list;
  poller->room = room;
  return true;
}

/* The last one takes the place. */
static void poller_remove(Poller *poller, int fd)
{
  int place = fd < poller->known ? poller->places[fd] : -1;
  if (place < 0)
    return;
  poller->places[fd] = -1;
  poller->count--;
  if (place != poller->count) {
    poller->list[place] = poller->list[poller->count];
    poller->places[poller->list[place].fd] = place;
  }
}

static bool poller_add(Poller *poller, int fd, short events)
{
  int place;
  if (!places_grow(poller, fd))
    return false;
  place = poller->places[fd];
  if (place < 0) {
    if (!list_grow(poller))
      return false;
    place = poller->count++;
    poller->places[fd] = place;
    poller->list[place].fd = fd;
  }
  poller->list[place].events = events;
  poller->list[place].revents = 0;
  return true;
}

/*** Watches a descriptor, or changes for what.
@param fd descriptor
@param what "in", "out" or "inout"; nil: not any more
@return self */
static int poller_watch(lua_State *L)
{
  static const char *const names[] = { "in", "out", "inout", NULL };
  static const short masks[] = { POLLIN, POLLOUT, POLLIN | POLLOUT };
  Poller *poller = poller_check(L, 1);
  lua_Integer fd = luaL_checkinteger(L, 2);
  luaL_argcheck(L, fd >= 0 && fd < INT_MAX, 2, "descriptor expected");
  if (lua_isnoneornil(L, 3))
    poller_remove(poller, (int)fd);
  else if (!poller_add(poller, (int)fd,
                       masks[luaL_checkoption(L, 3, NULL, names)]))
    return luaL_error(L, "not enough memory");
  lua_settop(L, 1);
  return 1;
}

/* ---- Waiting ---- */

/* What libcurl is to be told; a hangup is read like data. */
static const char *event_name(short events)
{
  bool in = events & (POLLIN | POLLHUP), out = events & POLLOUT;
  if (events & (POLLERR | POLLNVAL))
    return "err";
  return in && out ? "inout" : in ? "in" : "out";
}

static int milliseconds(lua_State *L, int idx)
{
  lua_Number seconds;
  if (lua_isnoneornil(L, idx))
    return -1;
  seconds = luaL_checknumber(L, idx);
  if (!(seconds > 0))
    return 0;
  return seconds < 1e6 ? (int)ceil(seconds * 1000) : 1000000000;
}

/*** Waits until a descriptor is ready.
@param seconds at most; nil: for ever
@param ready table that takes descriptor, event, descriptor, event...; events
are "in", "out", "inout" and "err"
@return how many descriptors it took; 0 also when a signal came
@see poll(2) */
static int poller_wait(lua_State *L)
{
  Poller *poller = poller_check(L, 1);
  int ms = milliseconds(L, 2), left, i;
  lua_Integer taken = 0;
  luaL_checktype(L, 3, LUA_TTABLE);
  left = poll(poller->list, (nfds_t)poller->count, ms);
  if (left < 0 && errno != EINTR)
    return luaL_error(L, "poll: %s", strerror(errno));
  for (i = 0; left > 0 && i < poller->count; i++) {
    const struct pollfd *entry = &poller->list[i];
    if (entry->revents == 0)
      continue;
    left--;
    lua_pushinteger(L, entry->fd);
    lua_rawseti(L, 3, 2 * taken + 1);
    lua_pushstring(L, event_name(entry->revents));
    lua_rawseti(L, 3, 2 * ++taken);
  }
  lua_pushinteger(L, taken);
  return 1;
}

/* ---- Life ---- */

static int poller_gc(lua_State *L)
{
  Poller *poller = compat_checkudata(L, 1, poller_type);
  if (poller->self != poller)
    return 0;
  free(poller->list);
  free(poller->places);
  memset(poller, 0, sizeof *poller);
  poller->self = poller;
  return 0;
}

static int poller_tostring(lua_State *L)
{
  lua_pushfstring(L, "multisock.poller (%d descriptors)",
                  poller_check(L, 1)->count);
  return 1;
}

/*** Makes an empty set of descriptors.
@return core.Poller
@local */
int poller_new(lua_State *L)
{
  Poller *poller = compat_newuserdata(L, sizeof *poller);
  memset(poller, 0, sizeof *poller);
  poller->self = poller;
  luaL_setmetatable(L, poller_type);
  return 1;
}

static const luaL_Reg methods[] = {
  { "watch", poller_watch },
  { "wait", poller_wait },
  { "close", poller_gc },
  { NULL, NULL },
};

static const luaL_Reg metamethods[] = {
  { "__gc", poller_gc },
  { "__close", poller_gc },
  { "__tostring", poller_tostring },
  { NULL, NULL },
};

void poller_open(lua_State *L)
{
  compat_opentype(L, poller_type, metamethods, methods);
}

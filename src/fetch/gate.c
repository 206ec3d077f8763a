/* Counts what a host has, and says who may start: the arithmetic of
   admission.lua, which has the queue and the policy. In C, because every request
   passes here twice. */
#include "gate.h"

#include <stdlib.h>
#include <string.h>

static const char budget_type[] = "multisock.budget";
static const char gate_type[] = "multisock.gate";

/* Handles that may wait at one host: each holds a few KiB. */
#define MOST_IDLE 256

/* Connections that are opened at once to a host that has answered. */
#define SCOUTS 4

/* More is no sensible number of streams or of waiting transfers, and what is
   computed of them stays in range. */
#define MOST_COUNT 1000000000

/* Scouts at most, when the first ones got no connection. */
#define MOST_SCOUTS 64

static Budget *budget_check(lua_State *L, int idx)
{
  return compat_checkudata(L, idx, budget_type);
}

Gate *gate_check(lua_State *L, int idx)
{
  Gate *gate = compat_checkudata(L, idx, gate_type);
  if (gate->self != gate)
    luaL_argerror(L, idx, "the gate is of another Lua state");
  return gate;
}

/* ---- Places ---- */

static bool is_full(const Budget *budget)
{
  return budget->total >= budget->limit;
}

/* Streams that the connections which stand can carry. */
static lua_Integer capacity(const Gate *gate)
{
  return (gate->connections - gate->scouts) * gate->streams;
}

/* Counts the connections: of HTTP/1 one for each transfer, and while the
   version is not known that is what it may come to. */
static void recount(Gate *gate)
{
  lua_Integer counted = gate->connections;
  lua_Integer change;
  if (gate->version != VERSION_2 && gate->active > counted)
    counted = gate->active;
  change = counted - gate->counted;
  gate->counted = counted;
  gate->client->total += change;
  gate->process->total += change;
}

bool gate_take_free(Gate *gate)
{
  if (gate->version == VERSION_1) {
    if (gate->active >= gate->limit || is_full(gate->client) ||
        is_full(gate->process))
      return false;
    gate->active++;
    recount(gate);
    return true;
  }
  if (gate->version != VERSION_2 || gate->active >= capacity(gate))
    return false;
  gate->active++;
  return true;
}

void gate_leave(Gate *gate, bool scout)
{
  gate->active--;
  if (gate->version == VERSION_2 && gate->active > 0 && !scout)
    return;
  if (scout && gate->scouts > 0) {
    gate->scouts--;
    gate->connections--;
    /* A host that does not answer may not keep all others waiting for one
       connect timeout after the other. */
    gate->scouts_most *= 2;
    if (gate->scouts_most > MOST_SCOUTS)
      gate->scouts_most = MOST_SCOUTS;
  }
  if (gate->active == 0) {
    /* Which of its connections are still alive is not known: ask again. */
    gate->connections = 0;
    gate->scouts = 0;
  }
  recount(gate);
}

/*** Takes a place for one transfer.
@param waiting how many more are waiting: connections are opened for all
@return false when there is none now, then "client" or "process" when that
budget alone stands in the way; or true, scout: whether the transfer is to open
a connection for others */
static int gate_take(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  bool scout = gate->version != VERSION_1 && gate->active >= capacity(gate);
  bool connects = scout || gate->version != VERSION_2;
  lua_Integer waiting = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, waiting >= -MOST_COUNT && waiting <= MOST_COUNT, 2,
                "out of range");
  if (gate_take_free(gate)) {
    lua_pushboolean(L, 1);
    lua_pushboolean(L, 0);
    return 2;
  }
  lua_pushboolean(L, 0);
  if (gate->version != VERSION_2 && gate->active >= gate->limit)
    return 1;
  if (scout && (gate->scouts >= gate->scouts_most ||
                gate->connections >= gate->limit ||
                (gate->scouts > 0 && gate->connections > gate->scouts &&
                 gate->connections * gate->streams >
                                       gate->active + waiting)))
    return 1;
  if (connects && (is_full(gate->client) || is_full(gate->process))) {
    lua_pushstring(L, is_full(gate->client) ? "client" : "process");
    return 2;
  }
  if (scout) {
    gate->connections++;
    gate->scouts++;
  }
  gate->active++;
  recount(gate);
  lua_pushboolean(L, 1);
  lua_pushboolean(L, scout);
  return 2;
}

/*** Gives a place back.
@param scout boolean: it was to open a connection, and ended before that
stood */
static int gate_give_back(lua_State *L)
{
  gate_leave(gate_check(L, 1), lua_toboolean(L, 2));
  return 0;
}

/*** A scout's connection stands: its name is resolved, TLS is done.
@param reused boolean whether it was there before
@return boolean whether any scout was expected */
static int gate_connected(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  bool expected = gate->scouts > 0;
  if (expected) {
    gate->scouts--;
    gate->scouts_most = SCOUTS;
    if (lua_toboolean(L, 2) && gate->connections > 1) {
      gate->connections--;
      recount(gate);
    }
  }
  lua_pushboolean(L, expected);
  return 1;
}

/*** An answer told the version.
@param version "1.0" "1.1" "2" or "3"
@return boolean whether that is new */
static int gate_learn(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  const char *text = luaL_checkstring(L, 2);
  HttpVersion version = text[0] > '1' ? VERSION_2 : VERSION_1;
  bool new = gate->version != version;
  if (new) {
    if (version == VERSION_1)
      gate->connections = gate->scouts = 0;    /* each transfer has its own */
    else if (gate->connections == 0)
      gate->connections = gate->active > 0;
    gate->version = version;
    recount(gate);
  }
  lua_pushboolean(L, new);
  return 1;
}

/*** What is known of the host's HTTP version.
@return "h1", "h2" (which HTTP/3 counts as), or nil */
static int gate_version(lua_State *L)
{
  const Gate *gate = gate_check(L, 1);
  if (gate->version == VERSION_UNKNOWN)
    lua_pushnil(L);
  else
    lua_pushstring(L, gate->version == VERSION_1 ? "h1" : "h2");
  return 1;
}

/*** How many transfers are admitted.
@return integer */
static int gate_active(lua_State *L)
{
  lua_pushinteger(L, gate_check(L, 1)->active);
  return 1;
}

/*** Says whether somebody waits for a place: then nobody passes by. */
static int gate_set_queued(lua_State *L)
{
  gate_check(L, 1)->queued = lua_toboolean(L, 2);
  return 0;
}

bool gate_is_awaited(const Gate *gate)
{
  return gate->queued || gate->client->awaited || gate->process->awaited;
}

/* ---- Handles that wait ---- */

/* Makes the values of the gate at the top: its budgets, for a start. */
static void set_values(lua_State *L, int client, int process)
{
  lua_createtable(L, 2, 4);
  lua_pushvalue(L, client);
  lua_rawseti(L, -2, 1);
  lua_pushvalue(L, process);
  lua_rawseti(L, -2, 2);
  compat_setuservalue(L, -2);
}

bool gate_keep(Gate *gate, Easy **handle, int profile)
{
  if (gate->idle_count == gate->idle_room) {
    int room = gate->idle_room ? gate->idle_room * 2 : 4;
    Easy ***idle;
    if (gate->idle_count >= MOST_IDLE)
      return false;
    idle = realloc(gate->idle, (size_t)room * sizeof *idle);
    if (idle == NULL)
      return false;
    gate->idle = idle;
    gate->idle_room = room;
  }
  (*handle)->profile = profile;
  gate->idle[gate->idle_count++] = handle;
  return true;
}

/* The gate's values: the easies that it keeps alive, as keys. */
static void anchor(lua_State *L, int easy)
{
  compat_getuservalue(L, 1);
  lua_pushvalue(L, easy);
  lua_pushboolean(L, 1);
  lua_rawset(L, -3);
  lua_pop(L, 1);
}

bool gate_has(lua_State *L, int gate, int easy)
{
  bool has;
  compat_getuservalue(L, gate);
  lua_pushvalue(L, easy);
  lua_rawget(L, -2);
  has = lua_toboolean(L, -1);
  lua_pop(L, 2);
  return has;
}

/*** Keeps a handle for the next transfer to the host.
@param easy core.Easy
@param multi core.Multi that has its connection
@param profile number of what it is set up for; 0: it has to be set up again
@return boolean; false when there are enough */
static int gate_keep_handle(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  (void)easy_check(L, 2);
  (void)multi_check(L, 3);
  easy_set_home(L, 2, 3);
  anchor(L, 2);
  lua_pushboolean(L, gate_keep(gate, lua_touserdata(L, 2),
                               (int)luaL_checkinteger(L, 4)));
  return 1;
}

/* Handles of other profiles that are passed by. */
#define MOST_LOOKS 8

int gate_find(const Gate *gate, int profile)
{
  int at, last = gate->idle_count - MOST_LOOKS;
  for (at = gate->idle_count - 1; at >= 0 && at >= last; at--)
    if (*gate->idle[at] != NULL && (*gate->idle[at])->profile == profile)
      return at;
  return -1;
}

Easy **gate_take_idle(Gate *gate, int at)
{
  Easy **handle = gate->idle[at];
  gate->idle_count--;
  for (; at < gate->idle_count; at++)
    gate->idle[at] = gate->idle[at + 1];
  return handle;
}

static void drop_closed(Gate *gate)
{
  while (gate->idle_count > 0) {
    Easy **last = gate->idle[gate->idle_count - 1];
    if (*last != NULL && *(*last)->home != NULL)
      return;
    gate->idle_count--;
  }
}

/*** Takes a handle, of those that came last: their connections are the warmest.
@param profile number; nil: whatever it is set up for
@return easy, multi, and the number that it was kept with, 0: it has to be set up;
or nil, and the multi in which a new one would find a connection, nil: none */
static int gate_pop(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  int profile = (int)luaL_optinteger(L, 2, -1);
  int at, count = gate->idle_count;
  const Easy *easy;
  drop_closed(gate);
  count = gate->idle_count;
  at = profile < 0 ? count - 1 : gate_find(gate, profile);
  if (at < 0 && profile >= 0)
    at = gate_find(gate, 0);
  if (at >= 0 && *(*gate->idle[at])->home == NULL) {
    (void)gate_take_idle(gate, at);
    at = -1;
  }
  if (at < 0) {
    lua_pushnil(L);
    if (count == 0)
      return 1;
    easy = *gate->idle[gate->idle_count - 1];
    multi_push(L, *easy->home);
    return 2;
  }
  easy = *gate_take_idle(gate, at);
  easy_push(L, easy);
  multi_push(L, *easy->home);
  lua_pushinteger(L, easy->profile);
  return 3;
}

/*** Lets go of a handle that is closed, or goes elsewhere.
@param easy core.Easy */
static int gate_drop(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  const void *handle = lua_touserdata(L, 2);
  int i, left = 0;
  luaL_checkany(L, 2);
  lua_settop(L, 2);
  for (i = 0; i < gate->idle_count; i++)
    if (gate->idle[i] != handle)
      gate->idle[left++] = gate->idle[i];
  gate->idle_count = left;
  compat_getuservalue(L, 1);
  lua_insert(L, 2);
  lua_pushnil(L);
  lua_rawset(L, 2);
  return 0;
}

/*** Lets go of all handles: those in use are not kept when they come back. */
static int gate_disown(lua_State *L)
{
  Gate *gate = gate_check(L, 1);
  gate->idle_count = 0;
  lua_settop(L, 1);
  compat_getuservalue(L, 1);
  lua_rawgeti(L, 2, 1);
  lua_rawgeti(L, 2, 2);
  lua_pushvalue(L, 1);
  set_values(L, 3, 4);
  return 0;
}

/* ---- Life ---- */

/*** A number of connections that many hosts share.
@param limit integer; nil: none */
static int budget_new(lua_State *L)
{
  lua_Integer limit = luaL_optinteger(L, 1, LUA_MAXINTEGER);
  Budget *budget = compat_newuserdata(L, sizeof *budget);
  budget->total = 0;
  budget->limit = limit;
  budget->awaited = false;
  luaL_setmetatable(L, budget_type);
  return 1;
}

/*** @return connections counted now, and the limit */
static int budget_counts(lua_State *L)
{
  const Budget *budget = budget_check(L, 1);
  lua_pushinteger(L, budget->total);
  lua_pushinteger(L, budget->limit);
  return 2;
}

static int budget_is_full(lua_State *L)
{
  lua_pushboolean(L, is_full(budget_check(L, 1)));
  return 1;
}

/*** A gate in front of one host.
@param client, process budgets
@param limit connections to the host at most; nil: no limit
@param streams on one connection of HTTP/2
@param known boolean: it speaks HTTP/1, neither that nor its name has to be
asked
@param cleartext boolean: it cannot become HTTP/2 */
static int gate_new(lua_State *L)
{
  Budget *client = budget_check(L, 1);
  Budget *process = budget_check(L, 2);
  lua_Integer limit = luaL_optinteger(L, 3, LUA_MAXINTEGER);
  lua_Integer streams = luaL_checkinteger(L, 4);
  Gate *gate;
  luaL_argcheck(L, streams > 0 && streams <= MOST_COUNT, 4, "out of range");
  gate = compat_newuserdata(L, sizeof *gate);
  memset(gate, 0, sizeof *gate);
  gate->self = gate;
  gate->client = client;
  gate->process = process;
  gate->limit = limit;
  gate->streams = streams;
  gate->scouts_most = 1;
  gate->version = lua_toboolean(L, 5) ? VERSION_1 : VERSION_UNKNOWN;
  gate->cleartext = lua_toboolean(L, 6);
  luaL_setmetatable(L, gate_type);
  set_values(L, 1, 2);
  return 1;
}

static int gate_gc(lua_State *L)
{
  Gate *gate = compat_checkudata(L, 1, gate_type);
  if (gate->self != gate)
    return 0;
  free(gate->idle);
  gate->idle = NULL;
  gate->idle_count = gate->idle_room = 0;
  return 0;
}

/*** Says whether hosts wait for a connection. */
static int budget_set_awaited(lua_State *L)
{
  budget_check(L, 1)->awaited = lua_toboolean(L, 2);
  return 0;
}

static const luaL_Reg gate_methods[] = {
  { "take", gate_take },           { "leave", gate_give_back },
  { "connected", gate_connected }, { "learn", gate_learn },
  { "version", gate_version },     { "active", gate_active },
  { "set_queued", gate_set_queued },
  { "keep", gate_keep_handle },    { "pop", gate_pop },
  { "drop", gate_drop },           { "disown", gate_disown },
  { NULL, NULL }
};

static const luaL_Reg budget_methods[] = {
  { "counts", budget_counts },     { "is_full", budget_is_full },
  { "set_awaited", budget_set_awaited },
  { NULL, NULL }
};

static const luaL_Reg gate_metamethods[] = {
  { "__gc", gate_gc },             { NULL, NULL }
};

static const luaL_Reg functions[] = {
  { "budget", budget_new },        { "gate", gate_new },
  { NULL, NULL }
};

/* Adds its functions to the table on top: core. */
void gate_open(lua_State *L)
{
  compat_opentype(L, budget_type, NULL, budget_methods);
  compat_opentype(L, gate_type, gate_metamethods, gate_methods);
  luaL_setfuncs(L, functions, 0);
}

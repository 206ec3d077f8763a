/* Counts what an origin has, and says who may start: the arithmetic of
   admission.lua, which has the queue and the policy. In C, because every request
   passes here twice. */
#include "limiter.h"

#include <stdlib.h>
#include <string.h>

static const char counter_type[] = "multisock.counter";
static const char limiter_type[] = "multisock.limiter";

/* Connections that are opened at once to an origin that has answered. */
#define PROBES 4

/* More is no sensible number of streams or of waiting transfers, and what is
   computed of them stays in range. */
#define MOST_COUNT 1000000000

/* Probes at most, when the first ones got no connection. */
#define MOST_PROBES 64

static Counter *counter_check(lua_State *L, int idx)
{
  return compat_checkudata(L, idx, counter_type);
}

Limiter *limiter_check(lua_State *L, int idx)
{
  Limiter *limiter = compat_checkmarked(L, idx, limiter_type);
  if (limiter->self != limiter)
    luaL_argerror(L, idx, "the limiter is of another Lua state");
  return limiter;
}

/* ---- Slots ---- */

static bool is_full(const Counter *counter)
{
  return counter->total >= counter->limit;
}

/* Streams that the connections which stand can carry. */
static lua_Integer capacity(const Limiter *limiter)
{
  return (limiter->connections - limiter->probes) * limiter->streams;
}

/* Counts the connections: of HTTP/1 one for each transfer, and while the
   version is not known that is what it may come to. */
static void recount(Limiter *limiter)
{
  lua_Integer counted = limiter->connections;
  lua_Integer change;
  if (limiter->version != VERSION_2 && limiter->active > counted)
    counted = limiter->active;
  change = counted - limiter->counted;
  limiter->counted = counted;
  limiter->client->total += change;
  limiter->process->total += change;
}

static bool has_all_requests(const Limiter *limiter)
{
  return limiter->requests != NULL && is_full(limiter->requests);
}

static void enter(Limiter *limiter)
{
  limiter->active++;
  if (limiter->requests != NULL)
    limiter->requests->total++;
}

bool limiter_take_free(Limiter *limiter)
{
  if (has_all_requests(limiter))
    return false;
  if (limiter->version == VERSION_1) {
    if (limiter->active >= limiter->limit || is_full(limiter->client) ||
        is_full(limiter->process))
      return false;
    enter(limiter);
    recount(limiter);
    return true;
  }
  if (limiter->version != VERSION_2 || limiter->active >= capacity(limiter))
    return false;
  enter(limiter);
  return true;
}

void limiter_leave(Limiter *limiter, bool probe)
{
  limiter->active--;
  if (limiter->requests != NULL)
    limiter->requests->total--;
  if (limiter->version == VERSION_2 && limiter->active > 0 && !probe)
    return;
  if (probe && limiter->probes > 0) {
    limiter->probes--;
    limiter->connections--;
    /* An origin that does not answer may not keep all others waiting for one
       connect timeout after the other. */
    limiter->probes_most *= 2;
    if (limiter->probes_most > MOST_PROBES)
      limiter->probes_most = MOST_PROBES;
  }
  if (limiter->active == 0) {
    /* Which of its connections are still alive is not known: ask again. */
    limiter->connections = 0;
    limiter->probes = 0;
  }
  recount(limiter);
}

/*** Takes a slot for one transfer.
@param waiting how many more are waiting: connections are opened for all
@return false when there is none now, then "requests", "client" or "process" when
that counter alone stands in the way; or true, probe: whether the transfer is to open
a connection for others */
static int limiter_take(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  bool probe =
      limiter->version != VERSION_1 && limiter->active >= capacity(limiter);
  bool connects = probe || limiter->version != VERSION_2;
  lua_Integer waiting = luaL_optinteger(L, 2, 0);
  luaL_argcheck(L, waiting >= -MOST_COUNT && waiting <= MOST_COUNT, 2,
                "out of range");
  if (limiter_take_free(limiter)) {
    lua_pushboolean(L, 1);
    lua_pushboolean(L, 0);
    return 2;
  }
  lua_pushboolean(L, 0);
  if (has_all_requests(limiter)) {
    lua_pushliteral(L, "requests");
    return 2;
  }
  if (limiter->version != VERSION_2 && limiter->active >= limiter->limit)
    return 1;
  if (probe &&
      (limiter->probes >= limiter->probes_most ||
       limiter->connections >= limiter->limit ||
       (limiter->probes > 0 && limiter->connections > limiter->probes &&
        limiter->connections * limiter->streams > limiter->active + waiting)))
    return 1;
  if (connects && (is_full(limiter->client) || is_full(limiter->process))) {
    lua_pushstring(L, is_full(limiter->client) ? "client" : "process");
    return 2;
  }
  if (probe) {
    limiter->connections++;
    limiter->probes++;
  }
  enter(limiter);
  recount(limiter);
  lua_pushboolean(L, 1);
  lua_pushboolean(L, probe);
  return 2;
}

/*** Gives a slot back.
@param probe boolean: it was to open a connection, and ended before that
stood */
static int limiter_give_back(lua_State *L)
{
  limiter_leave(limiter_check(L, 1), lua_toboolean(L, 2));
  return 0;
}

/*** A probe's connection stands: its name is resolved, TLS is done.
@param reused boolean whether it was there before
@return boolean whether any probe was expected */
static int limiter_connected(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  bool expected = limiter->probes > 0;
  if (expected) {
    limiter->probes--;
    limiter->probes_most = PROBES;
    if (lua_toboolean(L, 2) && limiter->connections > 1) {
      limiter->connections--;
      recount(limiter);
    }
  }
  lua_pushboolean(L, expected);
  return 1;
}

/*** An answer told the version.
@param version "1.0" "1.1" "2" or "3"
@return boolean whether that is new */
static int limiter_learn(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  const char *text = luaL_checkstring(L, 2);
  HttpVersion version = text[0] > '1' ? VERSION_2 : VERSION_1;
  bool new = limiter->version != version;
  if (new) {
    if (version == VERSION_1)
      limiter->connections = limiter->probes =
          0; /* each transfer has its own */
    else if (limiter->connections == 0)
      limiter->connections = limiter->active > 0;
    limiter->version = version;
    recount(limiter);
  }
  lua_pushboolean(L, new);
  return 1;
}

/*** What is known of the origin's HTTP version.
@return "h1", "h2" (which HTTP/3 counts as), or nil */
static int limiter_version(lua_State *L)
{
  const Limiter *limiter = limiter_check(L, 1);
  if (limiter->version == VERSION_UNKNOWN)
    lua_pushnil(L);
  else
    lua_pushstring(L, limiter->version == VERSION_1 ? "h1" : "h2");
  return 1;
}

/*** How many transfers are admitted.
@return integer, and how many handles wait for the next one */
static int limiter_active(lua_State *L)
{
  const Limiter *limiter = limiter_check(L, 1);
  lua_pushinteger(L, limiter->active);
  lua_pushinteger(L, limiter->idle_count);
  return 2;
}

/*** Says whether somebody waits for a slot: then nobody passes by. */
static int limiter_set_queued(lua_State *L)
{
  limiter_check(L, 1)->queued = lua_toboolean(L, 2);
  return 0;
}

bool limiter_is_awaited(const Limiter *limiter)
{
  return limiter->queued || limiter->client->awaited ||
         limiter->process->awaited ||
         (limiter->requests != NULL && limiter->requests->awaited);
}

bool limiter_may_stay(const Limiter *limiter)
{
  const Counter *client = limiter->client, *process = limiter->process;
  if (limiter_is_awaited(limiter) || client->total > client->limit ||
      process->total > process->limit)
    return false;
  if (limiter->version == VERSION_1)
    return limiter->active <= limiter->limit;
  /* With the last one it is no longer known which connections are alive. */
  return limiter->version == VERSION_2 && limiter->active > 1 &&
         limiter->active <= capacity(limiter);
}

/* ---- Life ---- */

/*** A number of connections, or of requests, that many hosts share.
@param limit integer; nil: none */
static int counter_new(lua_State *L)
{
  lua_Integer limit = luaL_optinteger(L, 1, LUA_MAXINTEGER);
  Counter *counter = compat_newuserdata(L, sizeof *counter);
  counter->total = counter->started = 0;
  memset(&counter->traffic, 0, sizeof counter->traffic);
  counter->limit = limit;
  counter->awaited = false;
  luaL_setmetatable(L, counter_type);
  return 1;
}

/*** Counts the bytes of a transfer that has ended, which C has not ended itself.
@param easy core.Easy */
static int limiter_count(lua_State *L)
{
  Limiter *limiter = limiter_check(L, 1);
  const Easy *easy = easy_check(L, 2);
  if (easy->receiver != NULL)
    snapshot_count(easy, &limiter->client->traffic);
  return 0;
}

/*** @return connections counted now, the limit, how many transfers were started, and bytes
sent and received by those that have ended */
static int counter_counts(lua_State *L)
{
  const Counter *counter = counter_check(L, 1);
  lua_pushinteger(L, counter->total);
  lua_pushinteger(L, counter->limit);
  lua_pushinteger(L, counter->started);
  lua_pushinteger(L, (lua_Integer)counter->traffic.sent);
  lua_pushinteger(L, (lua_Integer)counter->traffic.received);
  return 5;
}

static int counter_is_full(lua_State *L)
{
  lua_pushboolean(L, is_full(counter_check(L, 1)));
  return 1;
}

/*** A limiter in front of one origin.
@param client, process counters
@param limit connections to the origin at most; nil: no limit
@param streams on one connection of HTTP/2
@param known boolean: it speaks HTTP/1, neither that nor its name has to be
asked
@param cleartext boolean: it cannot become HTTP/2
@param requests? counter of the client's requests at once */
static int limiter_new(lua_State *L)
{
  Counter *client = counter_check(L, 1);
  Counter *process = counter_check(L, 2);
  lua_Integer limit = luaL_optinteger(L, 3, LUA_MAXINTEGER);
  lua_Integer streams = luaL_checkinteger(L, 4);
  Counter *requests = lua_isnoneornil(L, 7) ? NULL : counter_check(L, 7);
  Limiter *limiter;
  luaL_argcheck(L, streams > 0 && streams <= MOST_COUNT, 4, "out of range");
  lua_settop(L, 7);
  limiter = compat_newuserdata(L, sizeof *limiter);
  memset(limiter, 0, sizeof *limiter);
  limiter->type = limiter_type;
  limiter->self = limiter;
  limiter->client = client;
  limiter->process = process;
  limiter->requests = requests;
  limiter->limit = limit;
  limiter->streams = streams;
  limiter->probes_most = 1;
  limiter->version = lua_toboolean(L, 5) ? VERSION_1 : VERSION_UNKNOWN;
  limiter->cleartext = lua_toboolean(L, 6);
  luaL_setmetatable(L, limiter_type);
  limiter_set_values(L, 1, 2, 7);
  return 1;
}

static int limiter_gc(lua_State *L)
{
  Limiter *limiter = compat_checkudata(L, 1, limiter_type);
  if (limiter->self != limiter)
    return 0;
  free(limiter->idle);
  limiter->idle = NULL;
  limiter->idle_count = limiter->idle_room = 0;
  return 0;
}

/*** Says whether hosts wait for a connection. */
static int counter_set_awaited(lua_State *L)
{
  counter_check(L, 1)->awaited = lua_toboolean(L, 2);
  return 0;
}

static const luaL_Reg limiter_methods[] = {
  { "count", limiter_count },
  { "take", limiter_take },
  { "leave", limiter_give_back },
  { "connected", limiter_connected },
  { "learn", limiter_learn },
  { "version", limiter_version },
  { "active", limiter_active },
  { "set_queued", limiter_set_queued },
  { NULL, NULL },
};

static const luaL_Reg counter_methods[] = {
  { "counts", counter_counts },
  { "is_full", counter_is_full },
  { "set_awaited", counter_set_awaited },
  { NULL, NULL },
};

static const luaL_Reg limiter_metamethods[] = {
  { "__gc", limiter_gc },
  { NULL, NULL },
};

static const luaL_Reg functions[] = {
  { "counter", counter_new },
  { "limiter", limiter_new },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. */
void limiter_open(lua_State *L)
{
  compat_opentype(L, counter_type, NULL, counter_methods);
  compat_opentype(L, limiter_type, limiter_metamethods, limiter_methods);
  compat_addmethods(L, limiter_type, limiter_idle_methods);
  luaL_setfuncs(L, functions, 0);
}

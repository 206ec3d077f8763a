/* Requests of a batch: they run without a task for each, and their bodies are wanted
   whole. C starts one and takes what has come; what it cannot do for one is left to
   a task. lua/multisock/bulk.lua is its only caller. */
#include "bulk.h"

#include "batch.h"
#include "message.h"
#include "perform.h"
#include "receiver.h"

/* In the place of the task, among the arguments of `perform`; and behind them. */
#define BATCH 3
#define ITEM (6 + MESSAGE_COUNT)

/*** Starts a request for which a place and a handle are free.
@param limiter, target, batch, profile, taken, limits, lines, method, deadline, body,
once, size as for `perform`, but with a batch that waits
@param item integer: its place in the list
@return number of its handle; nothing when no handle is free, or no place; or nil,
err when it did not start, and then its place is given back */
static int submit(lua_State *L)
{
  int results;
  lua_Integer item = luaL_checkinteger(L, ITEM);
  Easy **box;
  (void)batch_check(L, BATCH);
  box = perform_start(L, NULL, &results);
  if (box == NULL)
    return results;
  (*box)->receiver->buffering = true;
  (*box)->item = item;
  batch_push_slot(L, BATCH);
  lua_insert(L, -2);
  lua_rawseti(L, -2, (*box)->id);
  lua_pushvalue(L, BATCH);
  lua_rawseti(L, lua_upvalueindex(1), (*box)->id);
  lua_pushinteger(L, (*box)->id);
  return 1;
}

/* Whether something can be done for it: all has come, it has failed, a limit has
   passed, or what is left of its upload is not wanted. */
static bool is_due(const Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  return easy->finished || receiver->late || receiver->overdue ||
         (receiver->uploads &&
          (receiver->status >= 300 || receiver_is_whole(easy)));
}

/* There is an answer: from now on silence is counted. */
static void go_on(Easy *easy)
{
  const Receiver *receiver = easy->receiver;
  if (receiver->idle_ms > 0 && receiver->stage >= STAGE_BODY &&
      easy->multi != NULL)
    multi_expect_more(easy->multi, easy, receiver->idle_ms);
}

/* Pushes the place in the list of the easy at index `at`, and its target. */
static void push_item(lua_State *L, int at)
{
  lua_pushinteger(L, (*(Easy **)lua_touserdata(L, at))->item);
  compat_getuservalue(L, at);
  lua_rawgeti(L, -1, CURLOPT_CURLU);
  lua_replace(L, -2);
}

/* Leaves the easy, the limiter of its host, and which request it is and when all of it has
   to be there on top. False when its handle was closed. */
static bool hand_over(lua_State *L, const Easy *easy)
{
  lua_pushboolean(L, 0);
  lua_rawseti(L, lua_upvalueindex(1), easy->id);
  batch_push_slot(L, 1);
  lua_rawgeti(L, 3, easy->id);
  lua_pushboolean(L, 0);
  lua_rawseti(L, 3, easy->id);
  lua_replace(L, 3); /* 3: the easy */
  lua_rawgeti(L, 2, easy->id);
  luaL_checktype(L, 4, LUA_TTABLE);
  lua_getfield(L, 4, "limiter");
  lua_insert(L, 4); /* 4: the limiter */
  (void)limiter_check(L, 4);
  lua_pushboolean(L, 0);
  lua_rawseti(L, 2, easy->id);
  if (easy_check(L, 3) != easy)
    return false;
  push_item(L, 3);
  lua_pushnumber(L, (lua_Number)easy->total.at / 1000);
  return true;
}

/*** Takes one request of which all has come, or that needs something.
@param batch core.Batch
@param requests table: by the numbers of their handles tables with the `limiter` that has
the place of each; false is put in the place of the one that is taken
@return nothing when there is none; that table, the place in the list, the target, the
deadline that it was started with (if it was: else any number), and what `perform` returns */
static int collect(lua_State *L)
{
  Batch *batch = batch_check(L, 1);
  luaL_checktype(L, 2, LUA_TTABLE);
  lua_settop(L, 2);
  while (batch->ready.first != NULL) {
    Easy *easy = batch->ready.first;
    easy_leave_ready(easy);
    if (!is_due(easy)) {
      go_on(easy);
      continue;
    }
    if (!hand_over(L, easy))
      return luaL_error(L, "the handle of a running transfer was closed");
    return 4 + perform_conclude(L, 4, 3);
  }
  return 0;
}

/*** What is asked for on a handle of a batch.
@param easy core.Easy
@return its place in the list, and its target */
static int item_of(lua_State *L)
{
  (void)easy_check(L, 1);
  push_item(L, 1);
  return 2;
}

static const luaL_Reg functions[] = {
  { "submit", submit },
  { "collect", collect },
  { "item", item_of },
  { NULL, NULL },
};

/* Adds its functions to the table on top: core. Their upvalue is core.waiting. */
void bulk_open(lua_State *L)
{
  easy_push_waiting(L);
  luaL_setfuncs(L, functions, 1);
}

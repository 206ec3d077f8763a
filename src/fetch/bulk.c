/* Requests of a batch: they run without a task for each, and their bodies are wanted
   whole. C starts one and takes what has come; what it cannot do for one is left to
   a task. lua/multisock/bulk.lua and the files beside it are its only
   callers. */
#include "bulk.h"

#include "batch.h"
#include "conclude.h"
#include "message.h"
#include "owner.h"
#include "perform.h"
#include "receiver.h"
#include "start.h"

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

/* Where the arguments of `collect` stand; behind them the handle, its limiter, and from
   RESULTS on what is returned. */
enum {
  BATCH_OF = 1,
  REQUESTS,
  ORIGIN,
  NEXT,
  PLACE,
  EASY,
  LIMITER,
  RESULTS,
  WHICH
};

/* It is no transfer of the batch any more. */
static void let_go(lua_State *L, const Easy *easy)
{
  lua_pushboolean(L, 0);
  lua_rawseti(L, lua_upvalueindex(1), easy->id);
  batch_push_slot(L, BATCH_OF);
  lua_pushboolean(L, 0);
  lua_rawseti(L, -2, easy->id);
  lua_pop(L, 1);
  lua_pushboolean(L, 0);
  lua_rawseti(L, REQUESTS, easy->id);
}

/* Puts handle and limiter to their places, and pushes the first results: false, what it
   was started for, its place in the list, target and deadline. */
static void push_request(lua_State *L, const Easy *easy)
{
  Easy **box;
  batch_push_slot(L, BATCH_OF);
  lua_rawgeti(L, -1, easy->id);
  box = lua_touserdata(L, -1);
  if (box == NULL || *box != easy || !box_is_here(box)) {
    let_go(L, easy);
    (void)easy_check(L, -1); /* of the parent process: it says so */
    luaL_error(L, "the handle of a running transfer was closed");
  }
  lua_replace(L, EASY);
  lua_rawgeti(L, REQUESTS, easy->id);
  luaL_checktype(L, -1, LUA_TTABLE);
  lua_getfield(L, -1, "limiter");
  (void)limiter_check(L, -1);
  lua_replace(L, LIMITER);
  lua_pushboolean(L, 0);
  lua_replace(L, RESULTS);
  push_item(L, EASY);
  lua_pushnumber(L, (lua_Number)easy->total.at / 1000);
}

/* Whether the next one may have the handle that has just served one, and its slot. */
static bool may_go_on(lua_State *L, const Easy *easy, const Limiter *limiter)
{
  return lua_istable(L, NEXT) && lua_rawequal(L, ORIGIN, WHICH) &&
         !message_is_last(easy) && !easy->needs_reset && start_can(easy) &&
         limiter_has(L, LIMITER, EASY) && limiter_may_stay(limiter);
}

/* Sends the next one on the same handle; false where that cannot be. */
static bool goes_on(lua_State *L, Easy *easy, const Limiter *limiter, bool once)
{
  if (!may_go_on(L, easy, limiter))
    return false;
  if (!start_again(L, EASY, limiter, NEXT, once)) {
    lua_pop(L, 1); /* it is started as usual then, and its error told there */
    return false;
  }
  if (*(Easy **)lua_touserdata(L, EASY) == NULL)
    luaL_error(L, "the handle was closed while its transfer started");
  easy->receiver->buffering = true;
  easy->item = lua_tointeger(L, PLACE);
  lua_pushboolean(L, 1);
  lua_replace(L, RESULTS);
  return true;
}

/* Takes one of which there is something to be done. */
static int take(lua_State *L, Easy *easy)
{
  Limiter *limiter;
  /* Both are forgotten with what has come. */
  bool once = easy->receiver->once, good = easy->receiver->status < 300;
  push_request(L, easy);
  limiter = lua_touserdata(L, LIMITER);
  if (!conclude_take(L, limiter, EASY)) {
    let_go(L, easy);
    (void)conclude_leave(L, easy);
  }
  else if (!good || !goes_on(L, easy, limiter, once)) {
    let_go(L, easy);
    (void)conclude_give_back(L, LIMITER, EASY);
  }
  return lua_gettop(L) - LIMITER;
}

/*** Takes one request of which all has come, or that needs something.
@param batch core.Batch
@param requests table: by the numbers of their handles tables with the `limiter` that has
the place of each; false is put in the place of the one that is taken
@param origin? one of these tables, @param target? of a URL, @param item? its place in the
list: of the next one, that may be sent on the handle of a good answer that was started
for the same table, with the same message, which has no body
@return nothing when there is none; whether the next one was sent, that table, the place in
the list, the target, the deadline that it was started with (if it was: else any number),
and what `perform` returns */
static int collect(lua_State *L)
{
  Batch *batch = batch_check(L, BATCH_OF);
  luaL_checktype(L, REQUESTS, LUA_TTABLE);
  if (!lua_isnoneornil(L, NEXT))
    luaL_checktype(L, NEXT, LUA_TTABLE);
  (void)luaL_optinteger(L, PLACE, 0);
  lua_settop(L, LIMITER);
  while (batch->ready.first != NULL) {
    Easy *easy = batch->ready.first;
    easy_leave_ready(easy);
    if (is_due(easy))
      return take(L, easy);
    go_on(easy);
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

/* What Lua does with the transfers of a multi: adds them, takes them out, asks
   which have ended, has one go on. */
#include "gathered.h"
#include "multi_lua.h"

/*** Adds a transfer; the next drive of the loop starts it.
@param easy core.Easy, kept alive until it is removed
@return self; or nil, err
@raise when it is in a multi already, or in a callback
@see curl_multi_add_handle(3) */
static int multi_add_handle(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "add_handle");
  return multi_add(L, multi, 1, easy_check(L, 2), 2);
}

/*** Takes a transfer out, whatever it is doing; its connection is closed when
it was in the middle. Nothing happens when it is not in this multi.
@param easy core.Easy
@return self
@raise in a callback of this multi
@see curl_multi_remove_handle(3) */
static int multi_remove_handle(lua_State *L)
{
  Multi *multi = multi_check_idle(L, 1, "remove_handle");
  multi_check_thread(L, multi, "remove_handle");
  multi_remove(multi, easy_check(L, 2));
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
  lua_settop(L, 1);
  return 1;
}

/*** The next transfer that has ended. It stays in the multi until it is
removed.
@return easy, true; or easy, nil, err; or nil when none has ended
@see curl_multi_info_read(3) */
static int multi_info_read(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  Easy *easy = multi->finished.first;
  if (easy == NULL && multi->driven.driver == NULL && multi->depth == 0) {
    /* Driven by the caller: nobody has read libcurl's messages yet. */
    CURLMsg *message;
    int left;
    multi_enter(multi);
    while ((message = curl_multi_info_read(multi->handle, &left)) != NULL)
      multi_done(message->easy_handle, message->data.result, multi);
    multi_leave(multi);
    easy = multi->finished.first;
  }
  /* Of a close function, when no call of the program's own drives it. */
  if (multi->failed_in_lua && multi->depth == 0)
    multi_rethrow(L, multi);
  if (easy == NULL) {
    lua_pushnil(L);
    return 1;
  }
  easy_leave_ready(easy);
  easy->reported = true;
  easy_push(L, easy);
  if (easy->result == CURLE_OK && !easy->failed_in_lua) {
    lua_pushboolean(L, 1);
    return 2;
  }
  lua_pushnil(L);
  easy_push_error(L, easy, easy->result);
  return 3;
}

/*** Says whether a transfer keeps no loop running any more, since nobody waits for
it.
@param easy core.Easy that is in this multi
@param on boolean
@local */
static int multi_ignore(lua_State *L)
{
  Multi *multi = multi_check(L, 1);
  Easy *easy = easy_check(L, 2);
  bool on = lua_toboolean(L, 3);
  if (easy->multi != multi || !easy->in_multi || easy->uncounted == on)
    return 0;
  easy->uncounted = on;
  if (multi->driven.driver != NULL)
    uvdriver_transfers(multi->driven.driver, on ? -1 : 1);
  return 0;
}

static int go_on(lua_State *L, const char *name, bool receiving)
{
  Multi *multi = multi_check_idle(L, 1, name);
  Easy *easy = easy_check(L, 2);
  Receiver *receiver = easy->receiver;
  multi_check_thread(L, multi, name);
  if (easy->multi == multi && easy->in_multi) {
    if (receiver != NULL && receiving)
      receiver->paused = receiver->early = false;
    multi_enter(multi);
    /* An error ends the transfer: its message tells. */
    (void)curl_easy_pause(easy->handle, receiver == NULL
                                            ? CURLPAUSE_CONT
                                            : receiver_sends_on(receiver));
    multi_leave(multi);
  }
  lua_settop(L, 1);
  return 1;
}

/*** Continues a transfer that a full buffer has paused.
@param easy core.Easy
@return self
@local */
static int multi_resume(lua_State *L)
{
  return go_on(L, "resume", true);
}

/*** Continues to send what a transfer has waited for. It receives no more than
before: who writes is slowed when nobody reads the answer.
@param easy core.Easy
@return self
@local */
static int multi_resume_sending(lua_State *L)
{
  return go_on(L, "resume_sending", false);
}

const luaL_Reg multi_member_methods[] = {
  { "add_handle", multi_add_handle },
  { "remove_handle", multi_remove_handle },
  { "info_read", multi_info_read },
  { "resume", multi_resume },
  { "resume_sending", multi_resume_sending },
  { "ignore", multi_ignore },
  { NULL, NULL },
};

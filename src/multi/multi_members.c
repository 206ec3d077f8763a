/* Which easies a multi holds, and how their transfers end. A multi pins the
   easies in it (its user value maps their address to the userdata): dropping
   the variable never drops a running transfer. */
#include "multi.h"

#include <errno.h>

#include "above.h"
#include "callbacks.h"
#include "error.h"
#include "gathered.h"
#include "process.h"
#include "share.h"

/* ---- Leaving ---- */

/* The values of the multi are on top of the stack. */
static void unpin_from_loop(lua_State *L, const Multi *multi)
{
  lua_getfield(L, -1, "loop");
  if (lua_isuserdata(L, -1)) {
    compat_getuservalue(L, -1);
    lua_pushnil(L);
    lua_rawsetp(L, -2, multi);
    lua_pop(L, 1);
  }
  lua_pop(L, 1);
}

static void take_out(Multi *multi, Easy *easy)
{
  if (!easy->in_multi)
    return;
  easy->in_multi = false;
  multi->depth++;
  /* Fails only for a handle that is not in it. */
  (void)curl_multi_remove_handle(multi->handle, easy->handle);
  easy->attached = false;
  multi->depth--;
  easy_unuse(easy);
  if (multi->driven.driver != NULL && !easy->uncounted)
    uvdriver_transfers(multi->driven.driver, -1);
  easy->uncounted = false;
}

/* libcurl does not keep why it could not make a socket, read a file of
   authorities or start a lookup. */
static bool needs_files(CURLcode result)
{
  return result == CURLE_COULDNT_CONNECT ||
         result == CURLE_COULDNT_RESOLVE_HOST ||
         result == CURLE_COULDNT_RESOLVE_PROXY ||
         result == CURLE_SSL_CACERT_BADFILE ||
         result == CURLE_FILE_COULDNT_READ_FILE;
}

/* Why: errno. When a socket could not be made there may be descriptors again by
   now, so the driver is asked first. */
static int lacks_files(const Multi *multi, const Easy *easy, CURLcode result)
{
  const UvDriver *driver = multi->driven.driver;
  if (!needs_files(result))
    return 0;
  if (driver != NULL && uvdriver_refused(driver) != easy->refused)
    return EMFILE;
  return process_lacks_files();
}

static void end(Multi *multi, Easy *easy, CURLcode result)
{
  deadline_remove(&easy->silence);
  easy->finished = true;
  easy->lacking = lacks_files(multi, easy, result);
  if (easy->lacking != 0 && multi->driven.driver != NULL)
    uvdriver_drop_idle(multi->driven.driver); /* libcurl closes them soon */
  easy->result =
      easy->receiver == NULL ? result : above_fetch()->result(easy, result);
  if (easy->receiver == NULL) {
    if (!easy->connect_only)
      easy_unuse(easy);
    easy_leave_ready(easy);
    easy_join_ready(easy, &multi->finished);
    return;
  }
  /* The fetch path wants its connection back in the pool at once. */
  take_out(multi, easy);
  easy_join_ready(easy, multi->ready);
}

void multi_done(CURL *handle, CURLcode result, void *data)
{
  Easy *easy = NULL;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy != NULL && !easy->orphan)
    end(data, easy, result);
}

void multi_failed(CURLMcode code, void *data)
{
  Multi *multi = data;
  Easy *easy;
  if (code == CURLM_RECURSIVE_API_CALL || code == CURLM_BAD_SOCKET)
    return;
  multi->broken = code;
  for (easy = multi->first; easy != NULL; easy = easy->next)
    if (!easy->finished)
      end(multi, easy, CURLE_FAILED_INIT);
}

static void connected(CURL *handle, void *data)
{
  Easy *easy = NULL;
  (void)data;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy != NULL)
    easy->connected = true;
}

void multi_removed(CURL *handle, void *data)
{
  Easy *easy = NULL;
  (void)data;
  (void)curl_easy_getinfo(handle, CURLINFO_PRIVATE, &easy);
  if (easy == NULL || easy->multi == NULL || easy->receiver == NULL ||
      !easy->receiver->switched || easy->receiver->paused)
    return;
  easy->receiver->hung_up = true;
  easy_join_ready(easy, easy->multi->ready);
}

/* Lua's side of it: what held the easy lets go of it, and with the last one
   the loop lets go of the multi. Finds nothing when a collector is about to
   take the multi itself. */
static void unpin(const Multi *multi, const Easy *easy)
{
  lua_State *L = multi->callbacks;
  if (!lua_checkstack(L, 8))
    return;
  multi_push_values(L, multi);
  if (lua_istable(L, -1)) {
    lua_pushnil(L);
    lua_rawsetp(L, -2, easy);
    if (multi->loop != NULL && multi->pinned == 0)
      unpin_from_loop(L, multi);
  }
  lua_pop(L, 1);
}

void multi_detach(Easy *easy)
{
  Multi *multi = easy->multi;
  take_out(multi, easy);
  easy_leave_ready(easy);
  deadline_remove(&easy->silence);
  deadline_remove(&easy->total);
  if (easy->previous != NULL)
    easy->previous->next = easy->next;
  else
    multi->first = easy->next;
  if (easy->next != NULL)
    easy->next->previous = easy->previous;
  easy->previous = easy->next = NULL;
  easy->multi = NULL;
  multi->added--;
  if (!easy->pinned)
    return;
  easy->pinned = false;
  multi->pinned--;
  unpin(multi, easy);
}

/* ---- Joining ---- */

static void pin(lua_State *L, int self, const Easy *easy, int value)
{
  compat_getuservalue(L, self);
  lua_pushvalue(L, value);
  lua_rawsetp(L, -2, easy);
  lua_pop(L, 1);
}

/* A loop keeps the multis that have transfers, as these keep their easies:
   what runs is never collected. */
static void pin_to_loop(lua_State *L, int self)
{
  compat_getuservalue(L, self);
  lua_getfield(L, -1, "loop");
  compat_getuservalue(L, -1);
  lua_pushvalue(L, self);
  lua_rawsetp(L, -2, multi_check(L, self));
  lua_pop(L, 3);
}

static void join(Multi *multi, Easy *easy)
{
  easy->multi = multi;
  easy->in_multi = true;
  easy->finished = easy->reported = false;
  easy->failed_in_lua = easy->connected = false;
  message_clear(easy->message);
  easy->previous = NULL;
  easy->next = multi->first;
  if (multi->first != NULL)
    multi->first->previous = easy;
  multi->first = easy;
  multi->added++;
}

void multi_adopt(Multi *multi, Easy *easy)
{
  join(multi, easy);
  if (multi->driven.driver != NULL)
    uvdriver_transfers(multi->driven.driver, 1);
}
/* Connections of a share outlive the driver: it leaves them alone. */
static UvDriver *driver_for(const Multi *multi, const Easy *easy)
{
  return share_keeps_connections(easy->share) ? NULL : multi->driven.driver;
}

/* libcurl empties the message of what is added by writing to it, see messages.h: so it
   has none then. */
static CURLMcode add_unwritten(const Multi *multi, const Easy *easy)
{
  CURLMcode code;
  (void)curl_easy_setopt(easy->handle, CURLOPT_ERRORBUFFER, NULL);
  code = curl_multi_add_handle(multi->handle, easy->handle);
  (void)curl_easy_setopt(easy->handle, CURLOPT_ERRORBUFFER, easy->message);
  return code;
}

CURLMcode multi_add_held(Multi *multi, Easy *easy)
{
  UvDriver *driver = multi->driven.driver;
  CURLMcode code;
  easy_set_driver(easy, driver_for(multi, easy));
  if (easy->receiver != NULL)
    above_fetch()->begin(easy);
  easy->refused = driver != NULL ? uvdriver_refused(driver) : 0;
  join(multi, easy);
  multi_enter(multi);
  code = add_unwritten(multi, easy);
  multi_leave(multi);
  if (code != CURLM_OK) {
    easy->in_multi = false;
    multi_detach(easy);
    return code;
  }
  if (driver != NULL)
    uvdriver_transfers(driver, 1);
  return CURLM_OK;
}

int multi_add(lua_State *L, Multi *multi, int self, Easy *easy, int idx)
{
  CURLMcode code = multi->broken;
  if (easy->multi != NULL || easy->depth > 0)
    return luaL_error(L, "add_handle: the transfer is running");
  multi_check_thread(L, multi, "add_handle");
  if (!easy_may_start(L, easy, idx))
    return 2;
  if (code == CURLM_OK) {
    easy_set_driver(easy, driver_for(multi, easy));
    if (easy->own_sockets || easy->wildcard)
      callbacks_prepare(L, easy, idx, self);
    if (easy->receiver == NULL)
      callbacks_guard_head(L, easy, idx);
    pin(L, self, easy, idx);
    easy->pinned = true;
    multi->pinned++;
    code = multi_add_held(multi, easy);
  }
  if (code != CURLM_OK) {
    error_push_multi(L, code);
    return error_return(L);
  }
  if (multi->loop != NULL && multi->pinned == 1)
    pin_to_loop(L, self);
  if (multi->failed_in_lua)
    multi_rethrow(L, multi);
  lua_pushvalue(L, self);
  return 1;
}

void multi_remove(Multi *multi, Easy *easy)
{
  if (easy->multi != multi)
    return;
  multi_enter(multi);
  multi_detach(easy);
  multi_leave(multi);
  if (easy->orphan)
    easy_destroy(easy); /* its own debug function closed it */
}

/* ---- What a driver knows of it ---- */

static void enter_driven(void *data)
{
  multi_enter(data);
}

static void leave_driven(void *data)
{
  multi_leave(data);
}

CURLMcode multi_drive(Multi *multi, UvDriver *driver)
{
  multi->driven.handle = multi->handle;
  multi->driven.done = multi_done;
  multi->driven.failed = multi_failed;
  multi->driven.connected = connected;
  multi->driven.removed = multi_removed;
  multi->driven.enter = enter_driven;
  multi->driven.leave = leave_driven;
  multi->driven.data = multi;
  return uvdriver_add_multi(driver, &multi->driven);
}

/* The fetch path's callbacks: header and body bytes land in C buffers, the
   upload is read from one, and the transfer is marked as ready. No
   Lua runs here. Used by easy_transfer.c. */
#pragma once

#include "coded.h"
#include "gathered.h"

struct Traffic; /* see snapshot.h */

/* Makes this handle collect into a receiver; false: out of memory. */
bool receiver_attach(Easy *easy);

/* Makes it collect as another handle does, whose options it has; false: out of
   memory. */
bool receiver_attach_like(Easy *easy, const Easy *model);

/* Right before its transfer starts. */
void receiver_begin(Easy *easy);

/* Ready for the next transfer: buffers and marks empty, limits as they are. */
void receiver_reset(Receiver *receiver);

/* Installs the callbacks; needed again after curl_easy_reset. */
void receiver_install(Easy *easy);

/* CURLOPT_PREREQFUNCTION; its data is the Easy. */
int repeat_on_connected(void *data, char *peer, char *local, int peer_port,
                        int local_port);

/* Whether it was ended because a connection has died, and libcurl would have
   sent the request again, or could not. */
bool repeat_has_died(const Easy *easy);

/* Whether the server has said that it did not look at the last try. */
bool repeat_was_refused(const Easy *easy);

/* How often the server may have got (a part of) the request. */
int repeat_attempts(const Easy *easy);

/* Whether asking again might do what was asked for twice. */
bool repeat_is_risky(const Easy *easy);

/* Whether a kept connection has died before a byte of an answer, libcurl has not
   sent the request again, and that may be done once. */
bool repeat_is_due(const Easy *easy);

void receiver_free(Receiver *receiver);

/* Learns the HTTP version as soon as the connection is there, for one
   transfer. */
void receiver_ask_version(Easy *easy);

/* Ends that; needed before its options serve another one. */
void receiver_unask_version(Easy *easy);

/* Makes it ready when its request has been sent, for one transfer. */
void receiver_tell_sent(Easy *easy);

/* Ends that, likewise. */
void receiver_untell_sent(Easy *easy);

/* What libcurl's result means: an answer that ends within its headers is no good
   end, which libcurl takes it for. */
CURLcode receiver_result(Easy *easy, CURLcode result);

/* Whether the server does not want to be asked, 417. libcurl would repeat such a
   request, with the user's header and so for ever; transfer.lua does it without. */
static inline bool receiver_is_unexpected(const Receiver *receiver)
{
  return receiver->expects && receiver->status == 417 &&
         receiver->stage >= STAGE_BODY;
}

/* Whether the answer is complete, though libcurl has not ended the transfer: see
   quirk_h2_hangs_after_answer. */
bool receiver_is_whole(const Easy *easy);

/* A connection may be made: see Message. */
void receiver_connects(Easy *easy);

/* Whether the final status and headers may be handed over. */
bool receiver_answered(const Easy *easy);

/* ---- Methods of easies that fetch alone uses ---- */

/* easy_answer.c, easy_coded.c; the others are in easy_transfer.c. */
extern const luaL_Reg easy_answer_methods[], easy_coded_methods[];
void easy_transfer_open(lua_State *L);

/* guard.c; easy_transfer_open calls it. */
void guard_open(lua_State *L);

/* Pushes a guard of the transfer of the easy at index `at`, which has a receiver. */
void guard_push(lua_State *L, int at);

/* The guard at index `at`, if it is one, guards nothing any more and nobody else has it:
   the easy's next transfer that needs one gets it. */
void guard_spare(lua_State *L, int at, int easy_at);

/* The receiver of the easy at index 1; raises where it gathers nothing. */
Receiver *receiver_check(lua_State *L, Easy **easy);

/* Pushes the error of a coded body that is corrupt, or of which all has come and
   that ends too early; false, and nothing is pushed, when there is none. */
bool easy_push_coded_failure(lua_State *L, Easy *easy, bool all_came);

/* Pushes body and snapshot, and forgets the transfer, whose bytes are counted. */
void easy_push_rest(lua_State *L, Easy *easy, struct Traffic *traffic);

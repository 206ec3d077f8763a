/* What is a request's own on a handle that is set up already: method, header
   lines, body and limits. perform.c puts it on, and it is taken back when the
   transfer is out; so a handle is never reset. */
#pragma once

#include "receiver.h"

/* The arguments that describe a message, from this index on. */
enum {
  MESSAGE_LIMITS, /* core.limits */
  MESSAGE_LINES,  /* core.lines */
  MESSAGE_METHOD,
  MESSAGE_DEADLINE, /* seconds of the loop's clock; nil: none */
  MESSAGE_BODY,     /* string; nil: none; true: it is fed */
  MESSAGE_ONCE,     /* boolean: it may not be sent twice unasked */
  MESSAGE_SIZE,     /* of a body that is fed; nil: not known */
  MESSAGE_COUNT
};

/* Raises unless these are arguments of that kind. */
void message_check(lua_State *L, int first);

/* Puts it on the handle at `at`, whose target is at this index. */
CURLcode message_set(lua_State *L, Easy *easy, int at, int first, int target);

/* The message that the handle has had last, which had no body, is to be sent again. How long
   that may take in all: 0, there is no such limit. */
CURLcode message_repeat(Easy *easy, bool once, uint64_t *duration);

/* When all has to be done at the latest, ms of uv_hrtime, and how long it may take
   in all; 0: there is no such limit. */
uint64_t message_deadline(lua_State *L, int first, uint64_t *duration);

/* Takes the body of the handle at `at` back: libcurl and the handle's values forget it. */
void message_end(lua_State *L, Easy *easy, int at);

/* Whether the connection is not to be used again, nor then the handle. */
bool message_is_last(const Easy *easy);

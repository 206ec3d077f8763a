/* Callback options as Lua functions. */
#ifndef MULTISOCK_CALLBACKS_H
#define MULTISOCK_CALLBACKS_H

#include "easy.h"

#pragma GCC visibility push(hidden)

/* Sets the callback option `id` of the userdata at `self` to the function at
   `value`; raises when it is none, or when the option is not offered. */
CURLcode callbacks_set(lua_State *L, Easy *easy, int self, CURLoption id,
                       const char *name, int value);
CURLcode callbacks_unset(lua_State *L, Easy *easy, int self, CURLoption id,
                         const char *name);

/* For a copy that libcurl has made of a handle: lets the callbacks that are
   set in the table on top of the stack run for `easy`. */
void callbacks_rebind(lua_State *L, Easy *easy);

/* Calls what was pushed on the thread of callbacks: a function and its
   arguments. False, with nothing pushed, when it raised or closed its own
   handle; else its result is pushed. */
bool callbacks_call(lua_State *L, Easy *easy, int arguments);

/* Pops what a function returned that was asked for at most `room` bytes, and
   puts it into `bytes`; returns what libcurl's read callbacks return. */
size_t callbacks_take_chunk(lua_State *L, Easy *easy, const char *name,
                            char *bytes, size_t room);

/* Pops what a seek function returned; returns what libcurl's do. */
int callbacks_take_seek(lua_State *L);

/* Whether a collected transfer needs this callback for itself. */
bool callbacks_is_received(CURLoption id);

/* Replaces all Lua callbacks of a handle that is going away. */
void callbacks_silence(Easy *easy);

/* Makes the thread on which callbacks run, one for each Lua state. It is
   never suspended, so a callback finds a stack that is always usable. */
void callbacks_open(lua_State *L);
lua_State *callbacks_thread(lua_State *L);

#pragma GCC visibility pop

#endif

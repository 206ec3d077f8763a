/* Callback options as Lua functions. */
#pragma once

#include "easy.h"

/* Sets the callback option `id` of the userdata at `self` to the function at
   `value`; raises when it is none. */
CURLcode callbacks_set(lua_State *L, Easy *easy, int self, CURLoption id,
                       const char *name, int value);
CURLcode callbacks_unset(lua_State *L, Easy *easy, int self, CURLoption id);

/* Whether a collected transfer needs this callback for itself, or could not
   tell anybody what it raised. */
bool callbacks_is_received(CURLoption id);

/* Forgets the Lua function of this option, which gets other data. */
void callbacks_forget(lua_State *L, int self, CURLoption id);

/* Replaces all Lua callbacks of a handle that is going away. */
void callbacks_silence(Easy *easy);

/* Lets a handle that is closed by its program save its HSTS entries. */
void callbacks_allow_save(lua_State *L, Easy *easy);

/* Points the callbacks of a duplicate, whose values are at stack index
   `values`, at itself. */
void callbacks_adopt(lua_State *L, Easy *easy, int values);

/* Before each transfer of a handle with own_sockets or wildcard, after
   easy_set_driver. `self` is the easy's userdata, `owner` that of whoever has the connection
   pool: the multi, or the easy itself. */
void callbacks_prepare(lua_State *L, Easy *easy, int self, int owner);

/* Why a handle with `trailers` must not run another transfer, or NULL. Its
   userdata is at `self`. */
const char *callbacks_refuse_trailers(lua_State *L, const Easy *easy, int self);

/* Before each transfer of a handle whose callbacks are the user's: keeps header
   blocks from it that its libcurl cannot bear. Its userdata is at `self`. */
void callbacks_guard_head(lua_State *L, Easy *easy, int self);

/* A duplicate has the original's options: sets what the guard has changed. */
void callbacks_copy_guard(const Easy *from, Easy *to);

/* Takes what the connections of the old values need over to the new ones. */
void callbacks_keep_sockets(lua_State *L, int old_values, int new_values);

/* Makes the thread on which callbacks run, one for each Lua state. It is
   never suspended, so a callback finds a stack that is always usable. */
void callbacks_open(lua_State *L);
lua_State *callbacks_thread(lua_State *L);

/* A function of core. */
int callbacks_are_running(lua_State *L);

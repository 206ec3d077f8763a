/* Forms and queries as text. */
#pragma once

#include "compat.h"

/* Pushes this text, `glue` and the fields of the table at `fields` as text; the text
   alone when there are none. False, and nothing is pushed: it has to be looked at
   closely. */
bool form_push(lua_State *L, int fields, const char *text, size_t size,
               const char *glue);

/* core.form */
int form_new(lua_State *L);

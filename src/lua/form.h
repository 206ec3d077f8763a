/* Forms and queries as text. */
#ifndef MULTISOCK_FORM_H
#define MULTISOCK_FORM_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* Puts a name among others that are in order, of which there are few. */
void form_insert_name(const char **names, int count, const char *name);

/* core.form */
int form_new(lua_State *L);

#pragma GCC visibility pop

#endif

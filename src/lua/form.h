/* Forms and queries as text. */
#ifndef MULTISOCK_FORM_H
#define MULTISOCK_FORM_H

#include "compat.h"

#pragma GCC visibility push(hidden)

/* core.form */
int form_new(lua_State *L);

#pragma GCC visibility pop

#endif

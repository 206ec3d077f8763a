/* See quirks.h. */
#include "quirks.h"

const Quirk quirks_all[] = {
#define QUIRK_ROW(name, versions, issue, effect, remedy) \
  { #name, #versions, issue, effect, remedy, quirk_##name },
  QUIRKS(QUIRK_ROW)
#undef QUIRK_ROW
      { NULL, NULL, NULL, NULL, NULL, NULL },
};

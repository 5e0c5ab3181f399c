/* cancel.c - see cancel.h. */
#include "base/cancel.h"

_Thread_local const _Atomic bool *cancel_flag;

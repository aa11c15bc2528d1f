# Collects what a machine lacks, so that it is told once, whole, and with the command that mends it.

# pgw_need(WHAT condition...): notes WHAT as missing where the condition does not hold.
macro(pgw_need what)
    if(NOT (${ARGN}))
        list(APPEND PGW_MISSING "${what}")
    endif()
endmacro()

# pgw_tell_missing(LEVEL): ends the configuration when something was noted. scripts/configure shows the first line alone.
macro(pgw_tell_missing level)
    if(PGW_MISSING)
        list(JOIN PGW_MISSING ", " missing)
        message(NOTICE "Missing: ${missing}. To install it: scripts/install-deps ${level}")
        message(FATAL_ERROR "${PROJECT_NAME} cannot be configured: see the line above.")
    endif()
endmacro()

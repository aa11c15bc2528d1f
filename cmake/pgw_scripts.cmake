# Tests in Python. What is a test is pytest's word; ctest knows each by a name of its own.

# pgw_script(FILE LABELS ... TIMEOUT s [WHOLE]): every test method of the file is a ctest test; WHOLE makes one of all of them, for
# files that share something expensive. Names are read when ctest runs, and again when a Python file under tests/ has changed.
function(pgw_script file)
    cmake_parse_arguments(arg "WHOLE" "TIMEOUT" "LABELS" ${ARGN})
    file(RELATIVE_PATH path ${PROJECT_SOURCE_DIR} ${CMAKE_CURRENT_SOURCE_DIR}/${file})
    if(arg_WHOLE)
        string(REGEX REPLACE "^tests/(.*)\\.py$" "\\1" name ${path})
        string(REPLACE "/" "." name ${name})
        add_test(NAME ${name} COMMAND ${PGW_TEST_PYTHON} -m pytest -q ${path} WORKING_DIRECTORY ${PROJECT_SOURCE_DIR})
        set_tests_properties(${name} PROPERTIES LABELS "${arg_LABELS}" TIMEOUT ${arg_TIMEOUT}
            ENVIRONMENT "PGW_BIN=${CMAKE_RUNTIME_OUTPUT_DIRECTORY};PYTHONDONTWRITEBYTECODE=1")
    else()
        list(JOIN arg_LABELS "," labels)
        set_property(GLOBAL APPEND PROPERTY PGW_SCRIPTS "${path} ${arg_TIMEOUT} ${labels}")
    endif()
endfunction()

# To be called once, when all scripts are known.
function(pgw_discover_scripts)
    get_property(scripts GLOBAL PROPERTY PGW_SCRIPTS)
    list(JOIN scripts "\n" text)
    set(folder ${CMAKE_CURRENT_BINARY_DIR})
    file(GENERATE OUTPUT ${folder}/scripts.list CONTENT "${text}\n")
    file(WRITE ${folder}/scripts.include.cmake "execute_process(
    COMMAND ${PGW_TEST_PYTHON} ${PROJECT_SOURCE_DIR}/tests/support/collect.py ${folder}/scripts.list ${folder}/scripts.cmake
        ${CMAKE_RUNTIME_OUTPUT_DIRECTORY}
    RESULT_VARIABLE failed ERROR_VARIABLE said)
if(failed)
    message(FATAL_ERROR \"\${said}\")
endif()
include(${folder}/scripts.cmake)
")
    set_property(DIRECTORY APPEND PROPERTY TEST_INCLUDE_FILES ${folder}/scripts.include.cmake)
endfunction()

# What the tests need beyond the programs' own libraries.
include(pgw_missing)

# python3-qpid-proton belongs to Debian's own interpreter.
set(PGW_TEST_PYTHON /usr/bin/python3 CACHE FILEPATH "The interpreter that has python3-qpid-proton, python3-yaml and python3-pytest")

find_package(GTest QUIET)
pgw_need("GoogleTest" TARGET GTest::gtest_main)
pgw_need("GoogleMock" TARGET GTest::gmock)
foreach(module proton yaml pytest)
    # Asked anew each time: what was missing may have been installed since.
    execute_process(COMMAND ${PGW_TEST_PYTHON} -c "import ${module}" RESULT_VARIABLE failed OUTPUT_QUIET ERROR_QUIET)
    pgw_need("${module} for ${PGW_TEST_PYTHON}" failed EQUAL 0)
endforeach()
foreach(tool mosquitto_pub openssl)
    find_program(PGW_TEST_${tool} ${tool})
    pgw_need("${tool}" PGW_TEST_${tool})
endforeach()
if(PGW_MISSING)
    # The next configuration, which asks for the programs only, must not trip over this one's wish.
    unset(PGW_BUILD_TESTS CACHE)
endif()
pgw_tell_missing(test)

# A room is a folder under src/molt with one job. Each becomes one static library of its *.cc, and
# its *_test.cc become one test program. Which room may know which is checked by tests/tidy.

# molt_room(<folder> LINKS <targets...>): the target of `db/sqlite` is called `molt_db_sqlite`.
function(molt_room folder)
  cmake_parse_arguments(PARSE_ARGV 1 ROOM "" "" "LINKS")
  string(REPLACE "/" "_" name "molt_${folder}")
  set(dir "${PROJECT_SOURCE_DIR}/src/molt/${folder}")
  file(GLOB_RECURSE sources CONFIGURE_DEPENDS "${dir}/*.cc")
  set(tests ${sources})
  list(FILTER tests INCLUDE REGEX "_test\\.cc$")
  list(FILTER sources EXCLUDE REGEX "_(test|fuzz|bench|pgtest)\\.cc$")
  if(folder STREQUAL "db")  # its drivers are rooms of their own
    list(FILTER sources EXCLUDE REGEX "/db/[^/]+/")
    list(FILTER tests EXCLUDE REGEX "/db/[^/]+/")
  endif()

  if(sources)
    add_library(${name} STATIC ${sources})
    target_link_libraries(${name} PUBLIC ${ROOM_LINKS} PRIVATE molt_warnings)
    target_include_directories(${name} PUBLIC "${PROJECT_SOURCE_DIR}/src")
  else()  # nothing but headers
    add_library(${name} INTERFACE)
    target_link_libraries(${name} INTERFACE ${ROOM_LINKS})
    target_include_directories(${name} INTERFACE "${PROJECT_SOURCE_DIR}/src")
  endif()

  if(MOLT_TESTS AND tests)
    add_executable(${name}_test ${tests})
    target_link_libraries(${name}_test PRIVATE ${name} molt_warnings molt_test_support)
    gtest_discover_tests(${name}_test DISCOVERY_MODE PRE_TEST TEST_PREFIX "${folder}: "
                         DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()

  file(GLOB server_tests CONFIGURE_DEPENDS "${dir}/*_pgtest.cc")
  if(MOLT_TESTS AND server_tests)  # they need a PostgreSQL server: see tests/servers
    add_executable(${name}_pgtest ${server_tests})
    target_link_libraries(${name}_pgtest PRIVATE ${name} molt_warnings molt_test_support)
    gtest_discover_tests(${name}_pgtest DISCOVERY_MODE PRE_TEST TEST_PREFIX "${folder}: "
                         DISCOVERY_TIMEOUT 60 PROPERTIES TIMEOUT 300)
  endif()

  if(MOLT_FUZZ)
    file(GLOB_RECURSE fuzzers CONFIGURE_DEPENDS "${dir}/*_fuzz.cc")
    if(folder STREQUAL "db")
      list(FILTER fuzzers EXCLUDE REGEX "/db/[^/]+/")
    endif()
    foreach(source IN LISTS fuzzers)
      get_filename_component(fuzzer "${source}" NAME_WE)
      add_executable(${fuzzer} "${source}")
      target_link_libraries(${fuzzer} PRIVATE ${name} molt_warnings)
      target_link_options(${fuzzer} PRIVATE -fsanitize=fuzzer)
      add_dependencies(fuzzers ${fuzzer})
    endforeach()
  endif()
endfunction()

# The module graph is data: a module links exactly its DEPS, and the test `arch.includes` holds every
# #include "coe/…" to the same list.

# The sources of a room or a test program reach the compiler up to sixteen at a time, in files that include them: headers
# and templates then cost once for sixteen. The paths are relative to `root`, so that another clone's ccache finds them.
function(coe_units out name root)
  file(RELATIVE_PATH folder ${CMAKE_SOURCE_DIR}/${root} ${CMAKE_CURRENT_SOURCE_DIR})
  list(LENGTH ARGN n)
  math(EXPR n_unit "(${n} + 15) / 16")
  set(units "")
  set(at 0)
  foreach(i RANGE 1 ${n_unit})
    math(EXPR size "(${n} - ${at} + ${n_unit} - ${i}) / (${n_unit} - ${i} + 1)")
    list(SUBLIST ARGN ${at} ${size} sources)
    math(EXPR at "${at} + ${size}")
    list(TRANSFORM sources REPLACE "^(.+)$" "#include \"${folder}/\\1\"  // NOLINT(bugprone-suspicious-include)\n")
    string(JOIN "" content ${sources})
    set(unit ${CMAKE_CURRENT_BINARY_DIR}/${name}_unit_${i}.cc)
    file(CONFIGURE OUTPUT ${unit} CONTENT "${content}" @ONLY)
    list(APPEND units ${unit})
  endforeach()
  set(${out} ${units} PARENT_SCOPE)
endfunction()

# coe_module(name [COMPUTES] SOURCES … APART sources… DEPS modules… LIBS third-party targets…). APART are the
# sources that are compiled by themselves: they have flags of their own, are generated, have an inner name that another
# source of the room has too, or an inner type in a class that a header declares. COMPUTES says that the room has loops
# over tokens, experts or a file's bytes. A room without it is compiled at -O1, a fifth to a quarter sooner. Under the
# sanitizers, whose preset asks for -O0, a room with loops has -O1: the compiler takes half the time for the others.
function(coe_module name)
  cmake_parse_arguments(ARG "COMPUTES" "" "SOURCES;APART;DEPS;LIBS" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND coe:: OUTPUT_VARIABLE dep_targets)
  set(units ${ARG_SOURCES})
  if(COE_UNITY AND ARG_SOURCES)
    coe_units(units ${name} src ${ARG_SOURCES})
  endif()
  add_library(coe_${name} STATIC ${units} ${ARG_APART})
  add_library(coe::${name} ALIAS coe_${name})
  target_include_directories(coe_${name} PUBLIC ${CMAKE_SOURCE_DIR}/src)
  target_link_libraries(coe_${name} PUBLIC ${dep_targets} tl::expected PRIVATE coe_flags fmt::fmt ${ARG_LIBS})
  if(NOT ARG_COMPUTES)
    target_compile_options(coe_${name} PRIVATE $<$<CONFIG:Release>:-O1>)
  elseif(COE_SANITIZE)
    target_compile_options(coe_${name} PRIVATE -O1)
  endif()
  list(JOIN ARG_DEPS "," deps)
  set_property(GLOBAL APPEND PROPERTY COE_MODULES "${name}=${deps}")
endfunction()

# What code of tests is compiled with.
function(coe_test_flags target)
  target_include_directories(${target} PRIVATE ${CMAKE_SOURCE_DIR}/src ${CMAKE_SOURCE_DIR}/tests)
  target_compile_definitions(${target} PRIVATE COE_SOURCE_DIR="${CMAKE_SOURCE_DIR}"
                             COE_BINARY="${CMAKE_BINARY_DIR}/coe"
                             COE_BUILD_DIR="${CMAKE_BINARY_DIR}" COE_CMAKE="${CMAKE_COMMAND}")
  # What a test spends time on is in the rooms that it calls.
  target_compile_options(${target} PRIVATE $<$<CONFIG:Release>:-O1>)
endfunction()

# coe_test_support(name SOURCES … DEPS modules… LIBS …): what several test programs share, compiled once.
function(coe_test_support name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND coe:: OUTPUT_VARIABLE dep_targets)
  add_library(support_${name} STATIC ${ARG_SOURCES})
  target_link_libraries(support_${name} PUBLIC ${dep_targets} ${ARG_LIBS} PRIVATE coe_flags fmt::fmt GTest::gmock)
  coe_test_flags(support_${name})
endfunction()

# coe_test(name SOURCES … APART sources… SUPPORT names… DEPS modules… LIBS … LABELS …): one GoogleTest program. ctest has
# one entry a case, or one for the program (COE_TEST_CASES). APART are sources with an inner name that another source of
# the program has too.
function(coe_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;APART;SUPPORT;DEPS;LIBS;LABELS" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND coe:: OUTPUT_VARIABLE dep_targets)
  list(TRANSFORM ARG_SUPPORT PREPEND support_)
  set(units ${ARG_SOURCES})
  if(COE_UNITY)
    coe_units(units ${name} tests ${ARG_SOURCES})
  endif()
  add_executable(${name} ${units} ${ARG_APART})
  target_link_libraries(${name} PRIVATE coe_flags ${ARG_SUPPORT} ${dep_targets} ${ARG_LIBS} fmt::fmt GTest::gmock
                        GTest::gtest_main)
  coe_test_flags(${name})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/tests)
  if(COE_TEST_CASES)
    gtest_discover_tests(${name} DISCOVERY_MODE PRE_TEST PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 600)
  else()
    add_test(NAME ${name} COMMAND ${name} --gtest_brief=1)
    set_tests_properties(${name} PROPERTIES LABELS "${ARG_LABELS}" TIMEOUT 1800)
  endif()
endfunction()

# coe_fuzz(name SOURCES … DEPS … ALSO targets…): a libFuzzer in preset `asan`; elsewhere a replayer of
# testdata/regressions (its own and those of the targets named by ALSO), so that the target is compiled and run in
# every build and cannot rot.
function(coe_fuzz name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPS;LIBS;ALSO" ${ARGN})
  list(TRANSFORM ARG_DEPS PREPEND coe:: OUTPUT_VARIABLE dep_targets)
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE coe_flags ${dep_targets} fmt::fmt ${ARG_LIBS})
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${CMAKE_BINARY_DIR}/fuzz)
  if(COE_FUZZ)
    target_link_options(${name} PRIVATE -fsanitize=fuzzer)
  else()
    target_sources(${name} PRIVATE ${CMAKE_SOURCE_DIR}/fuzz/replay_main.cc)
    list(TRANSFORM ARG_ALSO PREPEND ${CMAKE_SOURCE_DIR}/testdata/regressions/)
    add_test(NAME fuzz.${name}
             COMMAND ${name} ${CMAKE_SOURCE_DIR}/testdata/regressions/${name} ${ARG_ALSO})
  endif()
endfunction()

# Read by llama.cpp's own build, at its project(). Of mtmd, which the server links, only the text path is used here, so
# it is compiled in the shortest time: its models joined, and without the optimiser's longest passes.
function(coe_shorten_server)
  set_target_properties(mtmd PROPERTIES UNITY_BUILD ON UNITY_BUILD_BATCH_SIZE 16)
  get_target_property(sources mtmd SOURCES)
  list(FILTER sources EXCLUDE REGEX "^models/|\\.h$")
  list(TRANSFORM sources PREPEND ${CMAKE_SOURCE_DIR}/tools/mtmd/)
  # These have names of their own file only, or implement a library of one header.
  set_source_files_properties(${sources} TARGET_DIRECTORY mtmd PROPERTIES SKIP_UNITY_BUILD_INCLUSION ON)
  foreach(target mtmd server-context llama-server-impl)
    target_compile_options(${target} PRIVATE -O1)
  endforeach()
endfunction()
cmake_language(DEFER DIRECTORY ${CMAKE_SOURCE_DIR} CALL coe_shorten_server)

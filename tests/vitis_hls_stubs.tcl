# Stands in for Vitis HLS: tclsh vitis_hls_stubs.tcl RECORD FAILING SCRIPT [ARGUMENT...]
#
# Runs SCRIPT as `vitis_hls -f SCRIPT ARGUMENT...` does. Every command checks its arguments against its documentation
# and adds itself to RECORD: a line of words, each in hex. FAILING is the name of a command that fails, as the tool's
# do; "-" for none.

# UG1399 (2023.2), chapter "Vitis HLS Command Reference", "Project Commands": a section per command, under its name.
# option -> number of its values; "names" is how many words stand beside the options
set documented {
    open_project   {names 1 -ide 1 -reset 0 -upgrade 0}
    set_top        {names 1}
    add_files      {names 1 -blackbox 1 -cflags 1 -csimflags 1 -tb 0}
    open_solution  {names 1 -flow_target 1 -reset 0}
    set_part       {names 1}
    create_clock   {names 0 -name 1 -period 1}
    csim_design    {names 0 -O 0 -argv 1 -clean 0 -ldflags 1 -mflags 1 -profile 0 -setup 0}
    csynth_design  {names 0 -dump_cfg 0 -dump_post_cfg 0 -synthesis_check 0}
    cosim_design   {names 0 -O 0 -argv 1 -compiled_library_dir 1 -coverage 0 -disable_binary_tv 0
                    -disable_deadlock_detection 0 -disable_dependency_check 0 -enable_dataflow_profiling 0
                    -enable_fifo_sizing 0 -ldflags 1 -mflags 1 -random_stall 0 -rtl 1 -setup 0 -tool 1 -trace_level 1
                    -user_stall 1 -wave_debug 0}
    export_design  {names 0 -description 1 -display_name 1 -flow 1 -format 1 -ipname 1 -library 1 -output 1 -rtl 1
                    -vendor 1 -version 1}
}
set values {
    -flow_target {vitis vivado}
    -rtl {verilog vhdl}
    -trace_level {none all port port_hier}
}

set state {}  ;# commands so far: a solution needs a project, a run needs a solution

proc record {words} {
    global record
    set file [open $record a]
    puts $file [join [lmap word $words {binary encode hex [encoding convertto utf-8 $word]}] " "]
    close $file
}

proc called {command arguments} {
    global documented values failing state
    set options [dict get $documented $command]
    set names {}
    for {set n 0} {$n < [llength $arguments]} {incr n} {
        set word [lindex $arguments $n]
        if {![string match -* $word]} {
            lappend names $word
            continue
        }
        if {![dict exists $options $word]} {error "$command: UG1399 knows no option $word"}
        if {[dict get $options $word]} {
            incr n
            if {$n == [llength $arguments]} {error "$command: $word has no value"}
            set value [lindex $arguments $n]
            if {[dict exists $values $word] && $value ni [dict get $values $word]} {error "$command: $word $value"}
        }
    }
    if {[llength $names] != [dict get $options names]} {error "$command: [llength $names] names"}
    set needs {add_files open_project set_top open_project open_solution open_project set_part open_solution
               create_clock open_solution csim_design open_solution csynth_design open_solution
               cosim_design csynth_design export_design csynth_design}
    if {[dict exists $needs $command] && [dict get $needs $command] ni $state} {
        error "$command: no [dict get $needs $command] before it"
    }
    lappend state $command
    if {$command eq "add_files"} {  ;# a list of files
        foreach file [lindex $names 0] {
            if {![file exists $file]} {error "add_files: there is no $file"}
        }
    }
    record [linsert $arguments 0 $command]
    if {$command eq $failing} {error "ERROR: \[SIM 211-100\] '$command' failed"}
}

foreach command [dict keys $documented] {
    proc $command args "called $command \$args"
}
rename exit leave
proc exit {{code 0}} {
    record [list exit [pwd]]
    leave $code
}

set arguments [lassign $argv record failing script]
set argv [list -f $script {*}$arguments]
if {[catch {source $script} message]} {
    puts stderr $message
    leave 1
}
record [list end-of-script]

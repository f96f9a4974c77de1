# Stands in for Vivado: tclsh vivado_stubs.tcl RECORD COMPONENT FAILING SCRIPT [ARGUMENT...]
#
# Runs SCRIPT as `vivado -mode batch -source SCRIPT -tclargs ARGUMENT...` does, on a model of block designs: every command
# checks its options, every cell has the parameters, interfaces, pins and address segments of its documentation, and the
# design is validated as a whole. COMPONENT is a Tcl dictionary of the cell that component.xml describes. RECORD takes a
# line of words for each command, each word in hex. FAILING is the name of a command that fails; "-" for none.

# ---- what is documented

# UG835 (Vivado Tcl commands); ipx:: UG1118. option -> number of its values; names: how many words stand beside them
set commands {
    create_project       {names 2 -part 1 -force 0}
    get_board_parts      {names 1 -quiet 0 -latest_file_version 0}
    current_project      {names 0}
    current_fileset      {names 0}
    update_ip_catalog    {names 0}
    create_bd_design     {names 1}
    create_bd_cell       {names 1 -type 1 -vlnv 1}
    create_bd_port       {names 1 -dir 1 -type 1 -freq_hz 1}
    get_bd_cells         {names 1}
    get_bd_ports         {names 1}
    get_bd_pins          {names 1}
    get_bd_intf_pins     {names 1}
    get_bd_addr_spaces   {names 1}
    get_bd_addr_segs     {names 1}
    apply_bd_automation  {names 1 -rule 1 -config 1}
    connect_bd_net       {names 2}
    connect_bd_intf_net  {names 2}
    assign_bd_address    {names 1 -offset 1 -range 1 -target_address_space 1 -force 0}
    exclude_bd_addr_seg  {names 1 -target_address_space 1}
    validate_bd_design   {names 0}
    save_bd_design       {names 0}
    make_wrapper         {names 0 -files 1 -top 0}
    get_files            {names 1}
    add_files            {names 1 -norecurse 0 -fileset 1}
    update_compile_order {names 0 -fileset 1}
    set_msg_config       {names 0 -id 1 -new_severity 1}
    launch_runs          {names 1 -to_step 1 -jobs 1}
    wait_on_run          {names 1}
    get_runs             {names 1}
    write_hw_platform    {names 0 -fixed 0 -include_bit 0 -force 0 -file 1}
    ipx::open_core       {names 1}
    ipx::create_xgui_files {names 1}
    ipx::update_checksums {names 1}
    ipx::check_integrity {names 1 -quiet 0}
    ipx::save_core       {names 1}
    ipx::archive_core    {names 2}
    ipx::unload_core     {names 1}
}
# Cells: parameters with their defaults; buses: name -> {mode bus ?parameter that brings it?}; pins: name -> {direction
# type ?parameter?}; spaces: name -> interface; segments: name -> {interface ?parameter? ?offset range, where fixed?}.
# {..} of a parameter name with * is any of those. Interfaces of smartconnect come from its counts.
set cells [dict create \
    xilinx.com:ip:smartconnect {source PG247
        parameters {NUM_SI 1 NUM_MI 1 NUM_CLKS 1} buses {} pins {aclk {I clk} aresetn {I rst}} spaces {} segments {}} \
    xilinx.com:ip:proc_sys_reset {source PG164
        parameters {C_EXT_RESET_HIGH 1} buses {}
        pins {slowest_sync_clk {I clk} ext_reset_in {I rst} aux_reset_in {I opt} mb_debug_sys_rst {I opt}
              dcm_locked {I opt} mb_reset {O rst} bus_struct_reset {O rst} peripheral_reset {O rst}
              interconnect_aresetn {O rst} peripheral_aresetn {O rst}} spaces {} segments {}} \
    xilinx.com:ip:axi_dma {source PG021
        parameters {c_include_sg 1 c_sg_length_width 14 c_addr_width 32 c_m_axi_mm2s_data_width 32
                    c_m_axis_mm2s_tdata_width 32 c_mm2s_burst_size 16 c_m_axi_s2mm_data_width 32 c_s2mm_burst_size 16}
        buses {S_AXI_LITE {slave aximm} M_AXI_SG {master aximm c_include_sg} M_AXI_MM2S {master aximm}
               M_AXI_S2MM {master aximm} M_AXIS_MM2S {master axis} S_AXIS_S2MM {slave axis}}
        pins {s_axi_lite_aclk {I clk} m_axi_sg_aclk {I clk c_include_sg} m_axi_mm2s_aclk {I clk} m_axi_s2mm_aclk {I clk}
              axi_resetn {I rst} mm2s_introut {O intr} s2mm_introut {O intr}}
        spaces {Data_MM2S M_AXI_MM2S Data_S2MM M_AXI_S2MM} segments {S_AXI_LITE/Reg {S_AXI_LITE}}} \
    xilinx.com:ip:processing_system7 {source PG082
        parameters {PCW_USE_M_AXI_GP0 0 PCW_USE_M_AXI_GP1 0 PCW_USE_S_AXI_HP0 0 PCW_S_AXI_HP0_DATA_WIDTH 64
                    PCW_USE_FABRIC_INTERRUPT 0 PCW_IRQ_F2P_INTR 0 PCW_EN_CLK0_PORT 0 PCW_EN_RST0_PORT 0
                    PCW_FPGA0_PERIPHERAL_FREQMHZ 50}
        preset {PCW_USE_M_AXI_GP0 1 PCW_EN_CLK0_PORT 1 PCW_EN_RST0_PORT 1}
        buses {M_AXI_GP0 {master aximm PCW_USE_M_AXI_GP0} M_AXI_GP1 {master aximm PCW_USE_M_AXI_GP1}
               S_AXI_HP0 {slave aximm PCW_USE_S_AXI_HP0}}
        pins {FCLK_CLK0 {O clk PCW_EN_CLK0_PORT} FCLK_RESET0_N {O rst PCW_EN_RST0_PORT} M_AXI_GP0_ACLK {I clk PCW_USE_M_AXI_GP0}
              M_AXI_GP1_ACLK {I clk PCW_USE_M_AXI_GP1} S_AXI_HP0_ACLK {I clk PCW_USE_S_AXI_HP0} IRQ_F2P {I intr PCW_IRQ_F2P_INTR}}
        spaces {Data M_AXI_GP0} segments {S_AXI_HP0/HP0_DDR_LOWOCM {S_AXI_HP0}} rule xilinx.com:bd_rule:processing_system7} \
    xilinx.com:ip:zynq_ultra_ps_e {source PG201
        parameters {PSU__USE__M_AXI_GP0 0 PSU__USE__M_AXI_GP1 0 PSU__USE__M_AXI_GP2 1 PSU__USE__S_AXI_GP2 0
                    PSU__SAXIGP2__DATA_WIDTH 128 PSU__USE__IRQ0 0 PSU__FPGA_PL0_ENABLE 0
                    PSU__CRL_APB__PL0_REF_CTRL__FREQMHZ 100}
        preset {PSU__USE__M_AXI_GP0 1 PSU__USE__M_AXI_GP1 1 PSU__USE__M_AXI_GP2 0 PSU__USE__IRQ0 1 PSU__FPGA_PL0_ENABLE 1}
        buses {M_AXI_HPM0_FPD {master aximm PSU__USE__M_AXI_GP0} M_AXI_HPM1_FPD {master aximm PSU__USE__M_AXI_GP1}
               M_AXI_HPM0_LPD {master aximm PSU__USE__M_AXI_GP2} S_AXI_HP0_FPD {slave aximm PSU__USE__S_AXI_GP2}}
        pins {pl_clk0 {O clk PSU__FPGA_PL0_ENABLE} pl_resetn0 {O rst} maxihpm0_fpd_aclk {I clk PSU__USE__M_AXI_GP0}
              maxihpm1_fpd_aclk {I clk PSU__USE__M_AXI_GP1} maxihpm0_lpd_aclk {I clk PSU__USE__M_AXI_GP2}
              saxihp0_fpd_aclk {I clk PSU__USE__S_AXI_GP2} pl_ps_irq0 {I intr PSU__USE__IRQ0}}
        spaces {Data M_AXI_HPM0_FPD}
        segments {SAXIGP2/HP0_DDR_LOW {S_AXI_HP0_FPD} SAXIGP2/HP0_DDR_HIGH {S_AXI_HP0_FPD} SAXIGP2/HP0_QSPI {S_AXI_HP0_FPD}
                  SAXIGP2/HP0_LPS_OCM {S_AXI_HP0_FPD}} rule xilinx.com:bd_rule:zynq_ultra_ps_e} \
    xilinx.com:ip:clk_wiz {source PG065
        parameters {PRIM_IN_FREQ 100.000 CLKOUT1_REQUESTED_OUT_FREQ 100.000 USE_RESET true USE_LOCKED true}
        buses {} pins {clk_in1 {I clk} reset {I rst USE_RESET} clk_out1 {O clk} locked {O opt}} spaces {} segments {}} \
    xilinx.com:ip:jtag_axi {source PG174
        parameters {PROTOCOL 0 M_AXI_DATA_WIDTH 32 M_AXI_ADDR_WIDTH 32} buses {M_AXI {master aximm}}
        pins {aclk {I clk} aresetn {I rst}} spaces {Data M_AXI} segments {}} \
    xilinx.com:ip:axi_bram_ctrl {source PG078
        parameters {SINGLE_PORT_BRAM 0 DATA_WIDTH 32} buses {S_AXI {slave aximm} BRAM_PORTA {master bram}}
        pins {s_axi_aclk {I clk} s_axi_aresetn {I rst}} spaces {} segments {S_AXI/Mem0 {S_AXI}}} \
    xilinx.com:ip:blk_mem_gen {source PG058 parameters {} buses {BRAM_PORTA {slave bram}} pins {} spaces {} segments {}} \
]

# ---- the block design

set kinds {}       ;# cell -> its description
set configs {}     ;# cell -> values of its parameters
set ports {}       ;# port -> {direction type}
set driver {}      ;# pin -> the pin or port that drives it
set joined {}      ;# interface -> the one at its other end
set addresses {}   ;# list of {space segment offset range}
set properties {}  ;# of objects that are no cells
set validated 0

proc on {cell condition} {
    global configs
    return [expr {$condition eq "" || [dict get $configs $cell $condition] ni {0 false}}]
}
# interfaces or pins ("buses", "pins") of a cell as it is configured: name -> description
proc members {cell what} {
    global kinds configs
    set found {}
    dict for {name entry} [dict get $kinds $cell $what] {
        if {[on $cell [lindex $entry 2]]} {dict set found $name $entry}
    }
    if {$what eq "buses" && [dict get $kinds $cell vlnv] eq "xilinx.com:ip:smartconnect"} {
        foreach {letter count mode} {S NUM_SI slave M NUM_MI master} {
            for {set n 0} {$n < [dict get $configs $cell $count]} {incr n} {
                dict set found [format %s%02d_AXI $letter $n] [list $mode aximm]
            }
        }
    }
    return $found
}
proc member {path what} {
    global kinds
    lassign [split $path /] cell name
    if {![dict exists $kinds $cell]} {error "there is no cell $cell"}
    set found [members $cell $what]
    if {![dict exists $found $name]} {error "[dict get $kinds $cell vlnv] has no $name among its $what"}
    return [dict get $found $name]
}
# interfaces of slaves that a master reaches, through interconnect
proc reached {master} {
    global joined kinds
    if {![dict exists $joined $master]} {return {}}
    set slave [dict get $joined $master]
    set cell [lindex [split $slave /] 0]
    set found [list $slave]
    if {[dict get $kinds $cell vlnv] eq "xilinx.com:ip:smartconnect"} {
        dict for {name entry} [members $cell buses] {
            if {[lindex $entry 0] eq "master"} {lappend found {*}[reached $cell/$name]}
        }
    }
    return $found
}

proc do_create_project {options names} {
    set folder [lindex $names 1]
    if {[file exists $folder]} {error "create_project: $folder exists"}
    file mkdir $folder
    set ::folder $folder
    set ::part [dict get $options -part]
}
proc do_get_board_parts {options names} {return [list [string map {* 1.9} [lindex $names 0]]]}
proc do_current_project {options names} {return project}
proc do_current_fileset {options names} {return fileset}
proc do_create_bd_cell {options names} {
    global cells kinds configs
    set vlnv [dict get $options -vlnv]
    if {![dict exists $cells $vlnv]} {error "create_bd_cell: the catalogue has no $vlnv"}
    set cell [lindex $names 0]
    if {[dict exists $kinds $cell]} {error "create_bd_cell: there is a $cell"}
    dict set kinds $cell [dict merge [dict get $cells $vlnv] [list vlnv $vlnv]]
    dict set configs $cell [dict get $cells $vlnv parameters]
}
proc do_create_bd_port {options names} {
    dict set ::ports [lindex $names 0] [list [dict get $options -dir] [dict get $options -type]]
}
proc do_get_bd_cells {options names} {
    if {![dict exists $::kinds [lindex $names 0]]} {error "there is no cell [lindex $names 0]"}
    return "cell [lindex $names 0]"
}
proc do_get_bd_ports {options names} {
    if {![dict exists $::ports [lindex $names 0]]} {error "there is no port [lindex $names 0]"}
    return "port [lindex $names 0]"
}
proc do_get_bd_pins {options names} {
    member [lindex $names 0] pins
    return "pin [lindex $names 0]"
}
proc do_get_bd_intf_pins {options names} {
    member [lindex $names 0] buses
    return [lindex $names 0]
}
proc do_get_bd_addr_spaces {options names} {
    lassign [split [lindex $names 0] /] cell space
    if {![dict exists $::kinds $cell spaces $space]} {error "there is no address space [lindex $names 0]"}
    return [lindex $names 0]
}
proc do_get_bd_addr_segs {options names} {
    lassign [split [lindex $names 0] /] cell map block
    if {![dict exists $::kinds $cell segments $map/$block]} {error "there is no address segment [lindex $names 0]"}
    return [lindex $names 0]
}
proc do_apply_bd_automation {options names} {
    lassign [lindex $names 0] - cell
    if {[dict get $::kinds $cell rule] ne [dict get $options -rule]} {error "apply_bd_automation: wrong rule"}
    set known {make_external apply_board_preset Master Slave}
    foreach key [dict keys [dict get $options -config]] {if {$key ni $known} {error "apply_bd_automation: $key"}}
    dict set ::configs $cell [dict merge [dict get $::configs $cell] [dict get $::kinds $cell preset]]
}
proc do_connect_bd_net {options names} {
    global driver ports
    set ends {}
    foreach end $names {
        lassign $end what path
        lassign [expr {$what eq "port" ? [dict get $ports $path] : [member $path pins]}] direction type
        # a port that comes in drives
        if {$what eq "port"} {set direction [string map {I O O I} $direction]}
        lappend ends [list $direction $type $path]
    }
    lassign [lsort -index 0 -decreasing $ends] from to
    if {[lindex $from 0] ne "O" || [lindex $to 0] ne "I"} {error "connect_bd_net: nothing drives, or two do: $names"}
    if {[lindex $from 1] ne [lindex $to 1] && "opt" ni [list [lindex $from 1] [lindex $to 1]]} {
        error "connect_bd_net: [lindex $from 2] is of type [lindex $from 1], [lindex $to 2] is not"
    }
    if {[dict exists $driver [lindex $to 2]]} {error "connect_bd_net: [lindex $to 2] is driven"}
    dict set driver [lindex $to 2] [lindex $from 2]
}
proc do_connect_bd_intf_net {options names} {
    global joined
    lassign $names a b
    lassign [member $a buses] mode_a bus_a
    lassign [member $b buses] mode_b bus_b
    if {$bus_a ne $bus_b || $mode_a eq $mode_b} {error "connect_bd_intf_net: $a is $mode_a of $bus_a, $b $mode_b of $bus_b"}
    foreach end $names {if {[dict exists $joined $end]} {error "connect_bd_intf_net: $end is connected"}}
    dict set joined $a $b
    dict set joined $b $a
}
proc do_assign_bd_address {options names} {
    global addresses kinds
    set space [dict get $options -target_address_space]
    set segment [lindex $names 0]
    set offset [expr {[dict get $options -offset]}]
    set range [expr {[dict get $options -range]}]
    if {$range < 4096 || $range & ($range - 1) || $offset % $range} {error "assign_bd_address: $offset and $range do not fit together"}
    set bus [lindex [split $space /] 1]
    set master [lindex [split $space /] 0]/[dict get $kinds [lindex [split $space /] 0] spaces $bus]
    lassign [split $segment /] cell map block
    set slave $cell/[lindex [dict get $kinds $cell segments $map/$block] 0]
    if {$slave ni [reached $master]} {error "assign_bd_address: $master does not reach $slave"}
    foreach other $addresses {
        lassign $other where - from size
        if {$where eq $space && $offset < $from + $size && $from < $offset + $range} {error "assign_bd_address: overlaps $other"}
    }
    lappend addresses [list $space $segment $offset $range]
}
proc do_exclude_bd_addr_seg {options names} {}
proc do_validate_bd_design {options names} {
    global kinds joined driver addresses validated
    dict for {cell kind} $kinds {
        dict for {name entry} [members $cell pins] {
            if {[lindex $entry 0] eq "I" && [lindex $entry 1] in {clk rst} && ![dict exists $driver $cell/$name]} {
                error "validate_bd_design: nothing drives $cell/$name"
            }
        }
        dict for {name entry} [members $cell buses] {
            if {![dict exists $joined $cell/$name]} {error "validate_bd_design: $cell/$name is open"}
        }
        dict for {space bus} [dict get $kind spaces] {
            if {[lsearch -exact -index 0 $addresses $cell/$space] < 0} {error "validate_bd_design: $cell/$space is empty"}
        }
    }
    set validated 1
}
proc do_save_bd_design {options names} {
    if {!$::validated} {error "save_bd_design: not validated"}
    set handoff $::folder/system.gen/sources_1/bd/system/hw_handoff
    file mkdir $handoff
    close [open $handoff/system.hwh w]
}
proc do_make_wrapper {options names} {
    set wrapper $::folder/system_wrapper.v
    close [open $wrapper w]
    return $wrapper
}
proc do_get_files {options names} {return [lindex $names 0]}
proc do_add_files {options names} {
    foreach file [lindex $names 0] {if {![file exists $file]} {error "add_files: there is no $file"}}
}
proc do_get_runs {options names} {return run}
proc do_launch_runs {options names} {
    file mkdir $::folder/run
    close [open $::folder/run/system_wrapper.bit w]
}
proc do_write_hw_platform {options names} {close [open [dict get $options -file] w]}
proc do_ipx_open_core {options names} {
    if {![file exists [lindex $names 0]]} {error "ipx::open_core: there is no [lindex $names 0]"}
    return core
}
proc do_ipx_check_integrity {options names} {return 1}
proc do_ipx_archive_core {options names} {close [open [lindex $names 0] w]}

proc set_property args {
    global configs properties
    record [linsert $args 0 set_property]
    lassign [expr {[lindex $args 0] eq "-dict" ? [lrange $args 1 2] : [list [lrange $args 0 1] [lindex $args 2]]}] values object
    dict for {name value} $values {
        if {[lindex $object 0] eq "cell"} {
            set cell [lindex $object 1]
            if {![regexp {^CONFIG\.(.+)$} $name - name] || ![dict exists $configs $cell $name]} {
                error "set_property: [dict get $::kinds $cell vlnv] ([dict get $::kinds $cell source]) has no $name"
            }
            dict set configs $cell $name $value
            continue
        }
        set known [dict create project {board_part board_connections ip_repo_paths} fileset top port CONFIG.POLARITY]
        if {$name ni [dict get $known [lindex $object 0]]} {error "set_property: $object has no $name"}
        if {$name eq "ip_repo_paths" && ![file exists [lindex $value 0]/component.xml]} {error "set_property: no IP in $value"}
        dict set properties $name $value
    }
}
proc get_property {name object} {
    global failing
    return [dict get [list PROGRESS [expr {$failing eq "impl" ? "40%" : "100%"}] STATUS failed DIRECTORY $::folder/run] $name]
}

# ---- running it

proc record {words} {
    set file [open $::record a]
    puts $file [join [lmap word $words {binary encode hex [encoding convertto utf-8 $word]}] " "]
    close $file
}
proc called {command arguments} {
    global commands failing
    set documented [dict get $commands $command]
    set options {}
    set names {}
    for {set n 0} {$n < [llength $arguments]} {incr n} {
        set word [lindex $arguments $n]
        if {![regexp {^-[a-z_]+$} $word]} {
            lappend names $word
        } elseif {![dict exists $documented $word]} {
            error "$command: UG835 knows no option $word"
        } elseif {[dict get $documented $word]} {
            dict set options $word [lindex $arguments [incr n]]
        } else {
            dict set options $word 1
        }
    }
    if {[llength $names] != [dict get $documented names]} {error "$command: [llength $names] names"}
    record [linsert $arguments 0 $command]
    if {$command eq $failing} {error "ERROR: '$command' failed"}
    set model do_[string map {:: _} $command]
    if {[info commands $model] ne ""} {return [$model $options $names]}
}
namespace eval ipx {}
foreach command [dict keys $commands] {proc $command args "called $command \$args"}

set argv [lassign $argv record component failing script]
if {$component ne "-"} {
    set file [open $component]
    set cells [dict merge $cells [read $file]]
    close $file
}
if {[catch {source $script} message]} {
    puts stderr $message
    exit 1
}
foreach address $addresses {record [linsert $address 0 address]}
dict for {cell values} $configs {record [linsert $values 0 config $cell]}
record end-of-script

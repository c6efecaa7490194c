"""The engines that can drive the timetable; only these import one."""

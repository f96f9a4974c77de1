"""What a plan costs: logic, placement of memories, the estimate."""

from config.api.errors import Fault

#: Answer for a warehouse that is not there or not visible: the words of contract section 3.2, as a missing page.
NOT_FOUND = Fault(404, "Warehouse not found.", "5203")
